export { Worker } from "./worker.ts";
export type { WorkerOptions } from "./worker.ts";
export type { WorkerConfig } from "./config.ts";
export type { Verdict } from "./qemu/accelerator.ts";
export { identifyProcess, isAlive, killAndWait } from "./processes/proc.ts";
export type { ProcessIdentity } from "./processes/proc.ts";
export { spawnDetached, runTool } from "./processes/spawn.ts";
export { inspectHost } from "./inspect-host.ts";
export { replaceFile } from "./files/durable.ts";
