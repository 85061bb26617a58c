/** The daemon's spans. They end by the code of what failed, and never by its message, which may quote what a client sent. */
import { SpanStatusCode, trace, type Span, type Tracer } from "@opentelemetry/api";

/** Asked for anew each time: one that is kept stays with whom it was first sent to. */
export function tracer(): Tracer {
  return trace.getTracer("fastvm");
}

export function endSpan(span: Span, error?: unknown): void {
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: codeOf(error) });
  span.end();
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "internal";
}
