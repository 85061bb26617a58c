/** What waits, over all organisations. */
import type { QueueFigures } from "../../queue-figures.ts";
import type { Parts } from "../context.ts";

export async function queueFigures({ store, builds }: Parts<"store" | "builds">): Promise<QueueFigures> {
  const { waiting, running } = builds.counts;
  return {
    waiting: {
      vms: await store.vms.countQueued(),
      builds: waiting,
      webhooks: await store.webhookDeliveries.count(["queued", "in_progress"]),
    },
    buildsRunning: running,
    deadLetters: await store.webhookDeliveries.count(["dead_letter"]),
  };
}
