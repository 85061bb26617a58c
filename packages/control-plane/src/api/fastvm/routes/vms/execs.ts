/** /v1/vms/{vmId}/execs: commands in the background, which nobody's leaving ends. */
import type { VmId } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import type { Caller } from "../../../../engine/engine.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { backgroundSpecOf, signalNumber } from "../../exec/background-spec.ts";
import { decodeStdin } from "../../exec/exec-spec.ts";
import { streamLines } from "../../exec/stream-events.ts";
import { collectOutput, outputEvents } from "../../exec/stream-output.ts";
import { wantsNdjson } from "../../exec/wants-ndjson.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { backgroundExecView } from "../../views/background-exec-view.ts";

export function registerBackgroundExecs(api: FastvmScope): void {
  const { routes, engine } = api;
  const { execs } = engine;
  const find = async (caller: Caller, vmId: string) =>
    (await engine.vms.getRunning(caller, vmId, "commands need a running VM")).id;

  routes.serve("startExec", async ({ body, params, reply }, caller) => {
    const spec = backgroundSpecOf(body);
    const vmId = await find(caller, params.vmId);
    const exec = await execs.spawn(vmId, spec, { signal: clientGone(reply) });
    return { status: 201, body: backgroundExecView(vmId, exec) };
  });
  routes.serve("listExecs", async ({ params, reply }, caller) => {
    const vmId = await find(caller, params.vmId);
    const all = await execs.list(vmId, { signal: clientGone(reply) });
    return { status: 200, body: all.map((exec) => backgroundExecView(vmId, exec)) };
  });
  routes.serve("getExec", async ({ params, query, reply }, caller) => {
    const vmId = await find(caller, params.vmId);
    const [waitMs, options] = [Number(query["waitSec"] ?? 0) * 1000, { signal: clientGone(reply) }];
    const exec = await (waitMs === 0
      ? execs.get(vmId, params.execId, options)
      : execs.wait(vmId, params.execId, waitMs, options));
    return { status: 200, body: backgroundExecView(vmId, exec) };
  });
  routes.serve("deleteExec", async ({ params, reply }, caller) => {
    const vmId = await find(caller, params.vmId);
    await execs.remove(vmId, params.execId, { signal: clientGone(reply) });
    return { status: 200, body: { id: params.execId, deleted: true } };
  });
  routes.serve("getExecOutput", async ({ params, query, request, reply }, caller) => {
    const vmId = await find(caller, params.vmId);
    const place = { execId: params.execId, offset: Number(query["offset"] ?? 0) };
    if (wantsNdjson(request)) return await follow(api, vmId, place, reply);
    const from = { offset: place.offset, follow: false };
    const events = await execs.attach(vmId, place.execId, from, { signal: clientGone(reply) });
    return { status: 200, body: await collectOutput(events, place.offset) };
  });
  routes.serve("writeExecStdin", async ({ body, params, reply }, caller) => {
    const data = decodeStdin(body?.data ?? "", "data");
    const vmId = await find(caller, params.vmId);
    const input = { data, closes: body?.close ?? false };
    await execs.writeStdin(vmId, params.execId, input, { signal: clientGone(reply) });
    return { status: 204, body: undefined };
  });
  routes.serve("signalExec", async ({ body, params, reply }, caller) => {
    const number = signalNumber(body?.signal);
    const vmId = await find(caller, params.vmId);
    const signalled = await execs.signal(vmId, params.execId, number, { signal: clientGone(reply) });
    return { status: 200, body: { signalled } };
  });
  routes.serve("resizeExec", async ({ body, params, reply }, caller) => {
    const vmId = await find(caller, params.vmId);
    const size = { cols: body.cols, rows: body.rows };
    await execs.resize(vmId, params.execId, size, { signal: clientGone(reply) });
    return { status: 204, body: undefined };
  });
}

async function follow(
  { engine, config, log }: FastvmScope,
  vmId: VmId,
  { execId, offset }: { readonly execId: string; readonly offset: number },
  reply: FastifyReply,
): Promise<typeof ANSWERED> {
  const signal = clientGone(reply);
  const events = await engine.execs.attach(vmId, execId, { offset, follow: true }, { signal });
  try {
    await streamLines(reply, outputEvents(events, offset), signal, config.streamHeartbeatMs);
  } catch (error) {
    // The answer has begun, so all that is left is the log; a client that went away is no news.
    if (!signal.aborted) log.warn({ err: error, vmId }, "a reader of a command was cut off");
  }
  return ANSWERED;
}
