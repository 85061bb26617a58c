/** What the worker has and no record knows: seen and ended by whoever runs the host. */
import type { FastifyInstance } from "fastify";
import { timestamp } from "../api/fastvm/views/timestamp.ts";
import type { Operator, Quarantined } from "../engine/engine.ts";

export function registerQuarantine(app: FastifyInstance, operator: Operator): void {
  app.get("/quarantine", async () => (await operator.listQuarantined()).map(view));
  app.delete<{ Params: { id: string } }>("/quarantine/:id", async ({ params: { id } }) => {
    await operator.endQuarantined(id);
    return { id, deleted: true };
  });
}

function view({ id, kind, foundAt, endsAt, memoryMib }: Quarantined) {
  return { id, kind, foundAt: timestamp(foundAt), endsAt: timestamp(endsAt), memoryMiB: memoryMib };
}
