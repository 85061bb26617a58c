/** The thread that digest.ts starts for one file. */
import { parentPort, workerData } from "node:worker_threads";
import { digestHere } from "./digest.ts";

void tellDigest();

/** What it throws ends the thread, and reaches the one that started it. */
async function tellDigest(): Promise<void> {
  const digest = await digestHere(String(workerData));
  // The rule takes it for a window, whose messages have an origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(digest);
}
