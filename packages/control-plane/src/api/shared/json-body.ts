/** Request bodies: JSON whatever the content type says, empty ones count as an empty object. */
import { FastvmError } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";

export function acceptJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  // `curl -d` says "form" and old clients say nothing: neither means anything but JSON here.
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, parseJson(text.toString()));
    } catch (error) {
      done(error instanceof Error ? error : new FastvmError("malformed_json"));
    }
  });
  // HTTP/2 needs no content-length, and Fastify takes a request that names neither length nor type for one without a body.
  app.addHook("onRequest", async ({ headers, raw }) => {
    if (raw.httpVersionMajor === 2) headers["content-type"] ??= "application/json";
  });
  // Generated clients send JSON content types with empty bodies, and `null` for "nothing".
  app.addHook("preValidation", async (request) => {
    request.body ??= {};
  });
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FastvmError("malformed_json", error instanceof Error ? error.message : undefined, {
      cause: error,
      field: "body",
    });
  }
}
