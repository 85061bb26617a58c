/**
 * A filesystem that its tool had in hand when the power went, while it grew. The tool says so in the superblock before it begins, and takes
 * it back at its end; the kernel would mount it all the same, and find bitmaps that are of neither size.
 */
import { open } from "node:fs/promises";
import { runTool } from "../processes/spawn.ts";

/** Of ext4: where the superblock has its state, and the bit of one that is not whole (`EXT2_ERROR_FS`). */
const STATE_AT = 1024 + 0x3a;
const HAS_ERRORS = 2;
/** Of the largest volume, on a slow disk. */
const REPAIR_TIMEOUT_MS = 600_000;

/** Of an image that is mounted nowhere. One that can be repaired by nobody is as it was, and rejects. */
export async function repairIfCut(image: string): Promise<void> {
  if (((await stateOf(image)) & HAS_ERRORS) === 0) return;
  // 1: there was something to repair, and it is.
  const repair = 'e2fsck -f -y "$1" && exit; [ $? = 1 ]';
  const command = ["--no-fork", image, "sh", "-c", repair, "repair", image];
  await runTool("flock", command, { timeoutMs: REPAIR_TIMEOUT_MS });
}

async function stateOf(image: string): Promise<number> {
  await using file = await open(image, "r");
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, STATE_AT);
  return buffer.readUInt16LE();
}
