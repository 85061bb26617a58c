import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";

export function registerGetQuotas(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getQuotas", async (_call, { orgId }) => {
    const { organisations, snapshots, vms } = ctx.store;
    const limits = await organisations.limits(orgId);
    const usage = { ...(await vms.usage(orgId)), snapshotCount: await snapshots.count(orgId) };
    const { memoryMib } = await ctx.worker.capacity();
    const host = { memoryMiB: memoryMib, promisedMemoryMiB: await vms.promisedMemoryMib() };
    return { status: 200, body: { orgId, limits, usage, host } };
  });
}
