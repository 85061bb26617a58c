/** The thread that digest.ts starts for one file. */
import { parentPort, workerData } from "node:worker_threads";
import { digestHere } from "./digest.ts";

// The rule takes it for a window, whose messages have an origin.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(await digestHere(String(workerData)));
