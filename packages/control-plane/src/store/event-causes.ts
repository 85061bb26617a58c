/**
 * In which trace an event was written, for webhooks that are told of it soon after. Kept in memory alone: what another process or another
 * day tells begins a trace of its own. Where nothing is traced there is nothing here.
 */
import { ROOT_CONTEXT, trace, type Context, type SpanContext } from "@opentelemetry/api";
import type { OrgId } from "@fastvm/contract";

/** Some hundred bytes each. Webhooks that are further behind begin their own. */
const MAX_CAUSES = 4096;

const causes = new Map<string, SpanContext>();

export function rememberCause(orgId: OrgId, eventId: number): void {
  const span = trace.getActiveSpan()?.spanContext();
  const key = `${orgId} ${eventId}`;
  // The number may have been that of an event that was undone.
  causes.delete(key);
  if (span === undefined) return;
  causes.set(key, span);
  for (const oldest of causes.keys()) {
    if (causes.size <= MAX_CAUSES) return;
    causes.delete(oldest);
  }
}

export function causeOf(orgId: OrgId, eventId: number): Context {
  const span = causes.get(`${orgId} ${eventId}`);
  return span === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span);
}
