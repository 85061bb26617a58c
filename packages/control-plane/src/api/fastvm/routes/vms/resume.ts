import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { actorOf } from "../../../../engine/caller.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { resumeVm } from "../../../../engine/vms/resume.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerResumeVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "resumeVm", async ({ dialect, params }, caller) => {
    const vm = await resumeVm(ctx, await findVm(ctx, caller, params.vmId), actorOf(caller));
    return { status: vm.status === "running" ? 200 : 202, body: vmView(vm, dialect) };
  });
}
