/**
 * A TCP port on a VM's loopback, as a WebSocket: `/v1/vms/{id}/ports/{port}/ws`, under a key with the scope `run`. The port is dialled
 * before the handshake is answered, so a refusal tells what is wrong.
 *
 *     ⇄ binary frames    the connection's bytes
 *     ⇄ text frame "end" its half has ended; the other goes on
 *     ← 1000             both have; 1011: it broke
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { FastvmError, hasScope, REQUEST_ID_HEADER, type VmId } from "@fastvm/contract";
import { WebSocketServer } from "ws";
import { asFastvmError, type KeyHolder } from "../../../engine/engine.ts";
import { endWhenSilent } from "../../../http/end-when-silent.ts";
import { inNameOf } from "../../../http/request-ids.ts";
import { recognise } from "../../../http/strangers/visitor.ts";
import { onUpgrade, refuseUpgrade } from "../../../http/upgrades.ts";
import { FASTVM, type FastvmScope } from "../fastvm-scope.ts";
import { bridgePort } from "./bridge-port.ts";

const PATH = /^\/v1\/vms\/([^/]+)\/ports\/(\d{1,5})\/ws$/;
const MAX_PORT = 65_535;
/** As much as one `send` of a client's is likely to be. */
const MAX_FRAME_BYTES = 1024 * 1024;
/** A guest's link carries 1,024 streams; services take at most 768 of them, and commands and files need some. */
const MAX_PER_VM = 64;
/** A busy emulated guest takes a second to accept. */
const CONNECT_MS = 10_000;

export function servePorts(api: FastvmScope): void {
  const { scope, log } = api;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  const counts = new Map<VmId, number>();
  const handle = (request: IncomingMessage, client: Duplex, head: Buffer): void => {
    const id = String(request.headers[REQUEST_ID_HEADER]);
    const onError = (): void => void client.destroy();
    // While the port is dialled nobody else listens to the client.
    client.on("error", onError);
    const begin = ({ connection, release }: Dialled): void => {
      connection.once("close", release);
      if (client.destroyed) return void connection.destroy();
      client.off("error", onError);
      sockets.handleUpgrade(request, client, head, (socket) => {
        socket.once("close", endWhenSilent(socket, client));
        bridgePort(socket, connection);
      });
    };
    inNameOf(id, () => {
      dial(api, counts, request).then(begin, (error: unknown) => {
        const { entry } = asFastvmError(error);
        if (entry.status === 500) log.error({ err: error }, "a port of a VM could not be opened");
        refuseUpgrade(client, `${entry.status} ${STATUS_CODES[entry.status] ?? "Refused"}`, id);
      });
    });
  };
  onUpgrade(scope.server, { path: PATH, handle });
  scope.addHook("preClose", async () => {
    for (const socket of sockets.clients) socket.terminate();
  });
}

interface Dialled {
  readonly connection: Duplex;
  readonly release: () => void;
}

async function dial(
  { engine }: FastvmScope,
  counts: Map<VmId, number>,
  request: IncomingMessage,
): Promise<Dialled> {
  const holder = await admitted(engine, request);
  // Not `new URL`, which throws on what a stranger may send.
  const path = URL.parse(request.url ?? "/", "http://localhost")?.pathname ?? "";
  const [, reference = "", digits = ""] = PATH.exec(path) ?? [];
  const port = Number(digits);
  if (port < 1 || port > MAX_PORT) throw new FastvmError("invalid_request", `${digits} is no port`);
  const { id: vmId } = await engine.vms.getRunning(
    holder,
    decodeURIComponent(reference),
    "a port needs a running VM",
  );
  const taken = counts.get(vmId) ?? 0;
  if (taken >= MAX_PER_VM) throw new FastvmError("too_many_requests");
  counts.set(vmId, taken + 1);
  const release = (): void => {
    const left = (counts.get(vmId) ?? 1) - 1;
    if (left === 0) counts.delete(vmId);
    else counts.set(vmId, left);
  };
  try {
    const connection = await engine.execs.dial(vmId, port, { signal: AbortSignal.timeout(CONNECT_MS) });
    return { connection, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Throws as an operation that needs the scope would. */
async function admitted(engine: FastvmScope["engine"], request: IncomingMessage): Promise<KeyHolder> {
  const key = FASTVM.presentedKey(request.headers);
  const holder = key === undefined ? undefined : await engine.keys.holderOf(key, FASTVM.name);
  if (holder === undefined) throw new FastvmError("unauthorized");
  recognise(request);
  if (holder.rate?.isOver === true) throw new FastvmError("too_many_requests");
  if (!hasScope(holder.scopes, "run")) throw new FastvmError("insufficient_scope");
  return holder;
}
