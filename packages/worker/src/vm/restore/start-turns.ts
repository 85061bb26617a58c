/** How many restores share the processors: one more than there are, as each also waits for disks and for its QEMU to come up. */
import { availableParallelism } from "node:os";
import { Turns } from "../../concurrency/turns.ts";

/** A restore takes a tenth of it. One that takes longer may have a guest that keeps silent, and others must not wait for its deadline. */
const PATIENCE_MS = 3_000;

export function openStartTurns(): Turns {
  return new Turns(availableParallelism() + 1, PATIENCE_MS);
}
