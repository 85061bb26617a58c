/**
 * Begins work for all organisations, such as a look through a queue, whoever's request gave rise to it: in no trace, else the requests of
 * one would be told to the collector, and by webhooks to others, as what began the work of the others.
 */
import { context, ROOT_CONTEXT } from "@opentelemetry/api";

export function forEverybody<T>(work: () => T): T {
  return context.with(ROOT_CONTEXT, work);
}
