import type { VmLog, VmLogs } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { ofWorker } from "../../../../engine/vms/of-worker.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerVmLogs(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getVmLogs", async ({ params }, caller) => {
    const { id } = await findVm(ctx, caller, params.vmId);
    return { status: 200, body: logsView(await ofWorker(() => ctx.worker.consoleLog(id))) };
  });
}

/** Decoding replaces what is no UTF-8, such as a character that the limit cut in two. */
function logsView(log: VmLog | undefined): VmLogs {
  const text = (bytes: Uint8Array = new Uint8Array()) => Buffer.from(bytes).toString("utf8");
  return { console: text(log?.console), hypervisor: text(log?.hypervisor) };
}
