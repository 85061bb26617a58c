/** Files that must be whole after a crash or a power loss: written aside, synced, renamed into place. */
import { open, rename, rm } from "node:fs/promises";
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
  try {
    await writeNew(aside, content, mode);
    await step("file.written-aside");
    await rename(aside, path);
  } catch (error) {
    // On a full disk what is half written would keep the last of it.
    await rm(aside, { force: true });
    throw error;
  }
  await step("file.renamed");
}

async function writeNew(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, "w", mode);
  await file.writeFile(content);
}

/** Renames a folder whose files are already synced, and makes the rename itself durable. */
export async function publishFolder(from: string, to: string): Promise<void> {
  await syncPath(from);
  await rename(from, to);
  try {
    await syncPath(dirname(to));
  } catch (error) {
    // Whoever is told that it failed must not find it there.
    await rename(to, from);
    throw error;
  }
}
