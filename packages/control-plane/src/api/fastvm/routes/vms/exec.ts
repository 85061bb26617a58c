/** POST /v1/vms/{vmId}/exec: one result, or a stream of events, as the client asks for. */
import type { ExecSpec, VmId } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED, type Answer } from "../../../shared/operation-route.ts";
import { collectResult } from "../../exec/collect-result.ts";
import { execSpecOf } from "../../exec/exec-spec.ts";
import { answerSlowly, resultWithin } from "../../exec/slow-answer.ts";
import { streamEvents } from "../../exec/stream-events.ts";
import { wantsNdjson } from "../../exec/wants-ndjson.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerExecInVm(api: FastvmScope): void {
  api.routes.serve("execInVm", async ({ body, params, request, reply }, caller) => {
    const spec = execSpecOf(body);
    const { id } = await api.engine.vms.getRunning(caller, params.vmId, "commands need a running VM");
    return wantsNdjson(request) ? stream(api, id, spec, reply) : buffer(api, id, spec, reply);
  });
}

async function buffer(
  { engine, config }: FastvmScope,
  vmId: VmId,
  spec: ExecSpec,
  reply: FastifyReply,
): Promise<Answer | typeof ANSWERED> {
  const signal = clientGone(reply);
  const result = engine.execs.start(vmId, spec, { signal }).then((session) => collectResult(session));
  const early = await resultWithin(result, config.execHeadersAfterMs);
  if (early !== undefined) return { status: 200, body: early };
  await answerSlowly(reply, result, config.execWhitespaceEveryMs);
  return ANSWERED;
}

async function stream(
  { engine, config, log }: FastvmScope,
  vmId: VmId,
  spec: ExecSpec,
  reply: FastifyReply,
): Promise<typeof ANSWERED> {
  const signal = clientGone(reply);
  const session = await engine.execs.start(vmId, spec, { signal });
  try {
    await streamEvents(reply, session, signal, config.streamHeartbeatMs);
  } catch (error) {
    // The answer has begun, so all that is left is the log; a client that went away is no news.
    if (!signal.aborted) log.warn({ err: error, vmId }, "a command's stream was cut");
  }
  return ANSWERED;
}
