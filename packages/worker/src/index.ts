/** What the daemon takes of this package. */
export { Worker } from "./worker.ts";
export type { WorkerMetrics } from "./worker-metrics.ts";
export { identifyProcess, isAlive, killAndWait } from "./processes/proc.ts";
export type { ProcessIdentity } from "./processes/proc.ts";
export { runTool, spawnDetached } from "./processes/spawn.ts";
export { inspectConfinement, inspectHost, inspectTracking } from "./inspect-host.ts";
export type { Confinement } from "./inspect-host.ts";
export { HostAddressGuard } from "./ip/host-address-guard.ts";
export { isNetwork } from "./ip/ip-network.ts";
export { inspectCache } from "./cache/inspect-cache.ts";
export { readHostMemory } from "./host/memory.ts";
export { isNameserver } from "./dns/upstream-address.ts";
export { inspectNetwork } from "./network/inspect-network.ts";
export { replaceFile, replaceFileDurably, syncPath } from "./files/durable.ts";
export { CLOSED_FOLDER_MODE, closeToOthers, makeClosedFolder } from "./files/closed-folder.ts";
