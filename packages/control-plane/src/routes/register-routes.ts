/** Every route, by name. */
import type { FastifyInstance } from "fastify";
import type { LifecycleContext } from "../lifecycle/context.ts";
import { registerHealth } from "./health.ts";
import { registerOpenapi } from "./openapi.ts";
import { registerGetQuotas } from "./org/get-quotas.ts";
import { registerCreateSnapshot } from "./snapshots/create.ts";
import { registerDeleteSnapshot } from "./snapshots/delete.ts";
import { registerGetSnapshot } from "./snapshots/get.ts";
import { registerListSnapshots } from "./snapshots/list.ts";
import { registerUpdateSnapshot } from "./snapshots/update.ts";
import { registerDeleteVm } from "./vms/delete.ts";
import { registerExecInVm } from "./vms/exec.ts";
import { registerForkVm } from "./vms/fork.ts";
import { registerGetVm } from "./vms/get.ts";
import { registerLaunchVm } from "./vms/launch.ts";
import { registerListVms } from "./vms/list.ts";
import { registerPauseVm } from "./vms/pause.ts";
import { registerRefreshVmTtl } from "./vms/refresh-ttl.ts";
import { registerResumeVm } from "./vms/resume.ts";
import { registerUpdateVm } from "./vms/update.ts";

export function registerRoutes(app: FastifyInstance, ctx: LifecycleContext): void {
  registerHealth(app, ctx);
  registerOpenapi(app);
  registerListVms(app, ctx);
  registerLaunchVm(app, ctx);
  registerGetVm(app, ctx);
  registerUpdateVm(app, ctx);
  registerDeleteVm(app, ctx);
  registerPauseVm(app, ctx);
  registerResumeVm(app, ctx);
  registerRefreshVmTtl(app, ctx);
  registerForkVm(app, ctx);
  registerExecInVm(app, ctx);
  registerListSnapshots(app, ctx);
  registerCreateSnapshot(app, ctx);
  registerGetSnapshot(app, ctx);
  registerUpdateSnapshot(app, ctx);
  registerDeleteSnapshot(app, ctx);
  registerGetQuotas(app, ctx);
}
