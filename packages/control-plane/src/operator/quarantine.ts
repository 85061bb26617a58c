/** What the worker has and no record knows: seen and ended by whoever runs the host. */
import { FastvmError } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { LifecycleContext } from "../engine/context.ts";
import { endQuarantined } from "../engine/reconcile/quarantine.ts";
import type { QuarantineEntry } from "../store/quarantine-repository.ts";
import { timestamp } from "../api/fastvm/views/timestamp.ts";

export function registerQuarantine(app: FastifyInstance, ctx: LifecycleContext): void {
  app.get("/quarantine", async () => (await ctx.store.quarantine.list()).map((entry) => view(ctx, entry)));
  app.delete<{ Params: { id: string } }>("/quarantine/:id", async ({ params }) => {
    const entry = (await ctx.store.quarantine.list()).find(({ id }) => id === params.id);
    if (entry === undefined) throw new FastvmError("not_found", `${params.id} is not in quarantine`);
    await endQuarantined(ctx, entry);
    return { id: entry.id, deleted: true };
  });
}

function view(ctx: LifecycleContext, { id, kind, foundAt, memoryMib }: QuarantineEntry) {
  const endsAt = timestamp(foundAt + ctx.config.quarantineMs);
  return { id, kind, foundAt: timestamp(foundAt), endsAt, memoryMiB: memoryMib };
}
