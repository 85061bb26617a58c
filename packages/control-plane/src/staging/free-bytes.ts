/** What the filesystem that a folder lies on has left for all. */
import { statfs } from "node:fs/promises";

export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
