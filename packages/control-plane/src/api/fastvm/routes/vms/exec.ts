import type { ExecSpec, VmId } from "@fastvm/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ANSWERED, serve, type Answer } from "../../../shared/operation-route.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import { collectResult } from "../../exec/collect-result.ts";
import { execSpecOf } from "../../exec/exec-spec.ts";
import { answerSlowly, resultWithin } from "../../exec/slow-answer.ts";
import { streamEvents } from "../../exec/stream-events.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { wrongState } from "../../../../engine/vms/wrong-state.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerExecInVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "execInVm", async ({ body, params, request, reply }, caller) => {
    const spec = execSpecOf(body);
    const vm = await findVm(ctx, caller, params.vmId);
    if (vm.status !== "running") throw wrongState(vm, "commands need a running VM");
    return wantsStream(request) ? stream(ctx, vm.id, spec, reply) : buffer(ctx, vm.id, spec, reply);
  });
}

function wantsStream(request: FastifyRequest): boolean {
  return /\bapplication\/x-ndjson\b/i.test(request.headers.accept ?? "");
}

async function buffer(
  ctx: LifecycleContext,
  vmId: VmId,
  spec: ExecSpec,
  reply: FastifyReply,
): Promise<Answer | typeof ANSWERED> {
  const signal = clientGone(reply);
  const result = ctx.worker.exec(vmId, spec, { signal }).then((session) => collectResult(session));
  const early = await resultWithin(result, ctx.config.execHeadersAfterMs);
  if (early !== undefined) return { status: 200, body: early };
  await answerSlowly(reply, result, ctx.config.execWhitespaceEveryMs);
  return ANSWERED;
}

async function stream(
  ctx: LifecycleContext,
  vmId: VmId,
  spec: ExecSpec,
  reply: FastifyReply,
): Promise<typeof ANSWERED> {
  const signal = clientGone(reply);
  const session = await ctx.worker.exec(vmId, spec, { signal });
  try {
    await streamEvents(reply, session, signal, ctx.config.streamHeartbeatMs);
  } catch (error) {
    // The answer has begun, so all that is left is the log; a client that went away is no news.
    if (!signal.aborted) ctx.log.warn({ err: error, vmId }, "a command's stream was cut");
  }
  return ANSWERED;
}
