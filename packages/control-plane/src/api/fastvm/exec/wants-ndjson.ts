/** Which of an answer's two forms the client asks for. */
import type { FastifyRequest } from "fastify";

export function wantsNdjson(request: FastifyRequest): boolean {
  return /\bapplication\/x-ndjson\b/i.test(request.headers.accept ?? "");
}
