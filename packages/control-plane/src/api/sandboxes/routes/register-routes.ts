/** Every route, by name. */
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { registerCreateSandbox } from "./create.ts";
import { registerDeleteSandbox } from "./delete.ts";
import { registerGetSandbox } from "./get.ts";
import { registerListSandboxes } from "./list.ts";
import { registerSandboxLogs } from "./logs.ts";
import { registerSandboxMetrics } from "./metrics.ts";
import { registerSnapshotStopped } from "./snapshot-stopped.ts";
import { registerSandboxSnapshots } from "./snapshots.ts";
import { registerStartSandbox } from "./start.ts";
import { registerStopSandbox } from "./stop.ts";

import { registerVolumeFiles } from "./volumes/files.ts";
import { registerVolumes } from "./volumes/volumes.ts";

export function registerRoutes(api: SandboxesScope): void {
  registerCreateSandbox(api);
  registerListSandboxes(api);
  registerGetSandbox(api);
  registerStartSandbox(api);
  registerStopSandbox(api);
  registerDeleteSandbox(api);
  registerSandboxLogs(api);
  registerSandboxMetrics(api);
  registerSandboxSnapshots(api);
  registerSnapshotStopped(api);
  registerVolumes(api);
  registerVolumeFiles(api);
}
