/** What happens to a VM while it is a pool's: nobody is told, as no client sees that VM before its checkout. */
import type { EventRecord } from "../../store/event-repository.ts";

/** Before the cause. */
export const OF_POOL = "pooled_";

export function isOfPool({ cause }: Pick<EventRecord, "cause">): boolean {
  return cause.startsWith(OF_POOL);
}
