/** Every route, by name. */
import type { MachinesScope } from "../machines-scope.ts";
import { registerExecInMachine } from "./guest/exec.ts";
import { registerFiles } from "./guest/files.ts";
import { registerProcesses } from "./guest/processes.ts";
import { registerSessions } from "./guest/sessions.ts";
import { registerEgress } from "./egress/egress.ts";
import { registerLifecycle } from "./lifecycle.ts";
import { registerCreateMachine } from "./machines/create.ts";
import { registerDestroyMachine } from "./machines/destroy.ts";
import { registerForkMachine } from "./machines/fork.ts";
import { registerGetMachine } from "./machines/get.ts";
import { registerHibernateMachine } from "./machines/hibernate.ts";
import { registerListMachines } from "./machines/list.ts";
import { registerResumeMachine } from "./machines/resume.ts";
import { registerSetTimeout } from "./machines/timeout.ts";
import { registerPreviewGrants } from "./previews/grants.ts";
import { registerProxyTarget } from "./previews/proxy-target.ts";
import { registerReadiness } from "./previews/readiness.ts";
import { registerSignedUrls } from "./previews/signed-urls.ts";
import { registerSnapshots } from "./snapshots/snapshots.ts";
import { registerWarmPools } from "./warm-pools/warm-pools.ts";
import { registerWebhooks } from "./webhooks/webhooks.ts";

export function registerRoutes(api: MachinesScope): void {
  registerCreateMachine(api);
  registerListMachines(api);
  registerGetMachine(api);
  registerDestroyMachine(api);
  registerSetTimeout(api);
  registerHibernateMachine(api);
  registerResumeMachine(api);
  registerForkMachine(api);
  registerSnapshots(api);
  registerLifecycle(api);
  registerExecInMachine(api);
  registerProcesses(api);
  registerFiles(api);
  registerSessions(api);
  registerWebhooks(api);
  registerSignedUrls(api);
  registerPreviewGrants(api);
  registerProxyTarget(api);
  registerReadiness(api);
  registerEgress(api);
  registerWarmPools(api);
}
