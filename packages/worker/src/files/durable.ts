/** Files that must be whole after a crash or a power loss: written aside, synced, renamed into place. */
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { step } from "@fastvm/contract";

/** Makes a file's or a folder's content survive power loss. */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

/** Replaces a file in one step: a reader sees the old content or the new, never a part. */
export async function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const aside = `${path}.new`;
  await step("file.begun");
  {
    await using file = await open(aside, "w", mode);
    await file.writeFile(content);
  }
  await step("file.written-aside");
  await rename(aside, path);
  await step("file.renamed");
}

/** Renames a folder whose files are already synced, and makes the rename itself durable. */
export async function publishFolder(from: string, to: string): Promise<void> {
  await syncPath(from);
  await rename(from, to);
  await syncPath(dirname(to));
}
