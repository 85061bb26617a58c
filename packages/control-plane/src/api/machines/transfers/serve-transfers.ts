/** Transfers by signed URLs. They are no operations of the API: no key, no JSON on the way in, bodies of any size. */
import { FastvmError, type VmId } from "@fastvm/contract";
import type { FastifyReply, FastifyRequest } from "fastify";
import { asFastvmError } from "../../../engine/engine.ts";
import { ClientGoneError, clientGone } from "../../shared/client-gone.ts";
import { bodyOf, leaveUnread } from "../../shared/unread-body.ts";
import { renderError } from "../errors.ts";
import { fileView, sendContent } from "../files/file-view.ts";
import { vmIdOf } from "../ids.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { TRANSFER_ROUTE } from "./transfer-address.ts";

type Serving = Pick<MachinesScope, "engine" | "log">;

export function serveTransfers({ scope, engine, log }: Serving & Pick<MachinesScope, "scope">): void {
  void scope.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));
    own.route({
      method: ["PUT", "GET"],
      url: TRANSFER_ROUTE,
      handler: (request, reply) => serve({ engine, log }, request, reply),
    });
  });
}

async function serve(ctx: Serving, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  // It shares the API's origin: its type is not for guessing, and the URL is for nobody to pass on.
  void reply.headers({ "referrer-policy": "no-referrer", "x-content-type-options": "nosniff" });
  try {
    return request.method === "PUT" ? await write(ctx, request, reply) : await read(ctx, request, reply);
  } catch (error) {
    leaveUnread(request, reply);
    return fail(ctx, request, reply, error);
  }
}

async function write({ engine }: Serving, request: FastifyRequest, reply: FastifyReply) {
  const vmId = vmOf(request);
  const { path, mode, maxBytes } = await engine.transfers.admit(vmId, tokenOf(request), "PUT");
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const content = atMost(bodyOf(request), maxBytes);
  const written = await engine.files.write(vmId, path, content, { mode, signal: clientGone(reply) });
  return reply.code(200).send(fileView(written));
}

async function read({ engine, log }: Serving, request: FastifyRequest, reply: FastifyReply) {
  const vmId = vmOf(request);
  const { path } = await engine.transfers.admit(vmId, tokenOf(request), "GET");
  const signal = clientGone(reply);
  const content = await engine.files.read(vmId, path, { signal });
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  await sendContent(reply, content, (error) => {
    if (!signal.aborted) log.warn({ err: error, vmId }, "a file was cut on its way to a client");
  });
  return reply;
}

/** Not by the scope's handler, which logs URLs, and these are permissions. */
function fail({ log }: Serving, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const failure = asFastvmError(error);
  const isNews = failure.entry.status >= 500 && !(error instanceof ClientGoneError);
  if (isNews) log.error({ err: error, vmId: vmIdOrNone(request) }, "a signed transfer failed");
  const { status, headers, body } = renderError(failure, request.id);
  return reply.code(status).headers(headers).send(body);
}

function vmIdOrNone({ params }: FastifyRequest): VmId | undefined {
  return vmIdOf(`mch_${(params as { vm: string }).vm}`);
}

function vmOf(request: FastifyRequest): VmId {
  const vmId = vmIdOrNone(request);
  if (vmId === undefined) throw new FastvmError("forbidden", "this URL was not signed for this");
  return vmId;
}

function tokenOf({ query }: FastifyRequest): string {
  const { token } = query as { readonly token?: unknown };
  return typeof token === "string" ? token : "";
}

async function* atMost(content: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

function tooLarge(maxBytes: number): FastvmError {
  return new FastvmError("body_too_large", `at most ${maxBytes} bytes are taken here`);
}
