/**
 * The agent of a sandbox as its clients reach it: `/v1/sandboxes/{id}/agent`, and `…/exec.cbor` of the flat generation, on which one
 * command runs and the client speaks first. What the messages of the socket are does not matter: together they are bytes.
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { FastvmError, REQUEST_ID_HEADER } from "@fastvm/contract";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { asFastvmError, type Sandbox } from "../../../engine/engine.ts";
import { closeWebSocket } from "../../../http/close-web-socket.ts";
import { endWhenSilent } from "../../../http/end-when-silent.ts";
import { inNameOf } from "../../../http/request-ids.ts";
import { onUpgrade, refuseUpgrade } from "../../../http/upgrades.ts";
import { SANDBOXES, type SandboxesScope } from "../sandboxes-scope.ts";
import { specOf } from "../views/sandbox-view.ts";
import { Admission } from "./admission.ts";
import { AgentSession } from "./agent-session.ts";
import { encodeFrame, FrameReader, GENERATION, MAX_FRAME_BYTES, type Frame } from "./frame.ts";
import { SocketInput } from "./socket-input.ts";

const PATH = /^(?:\/microsandbox)?\/v1\/sandboxes\/([^/]+)\/(agent|exec\.cbor)$/;
/** Of the flat generation, which asks for it. */
const SUBPROTOCOL = "msb.cbor";
/** A message is a frame, or a part of several. */
const MAX_MESSAGE_BYTES = 2 * MAX_FRAME_BYTES;
/** As the reference gives its first client: ids of others' are of no concern here, as each has a socket of its own. */
const FIRST_ID = 33_554_431;
const AFTER_LAST_ID = 67_108_862;
const AGENT_VERSION = "fastvm";

type Parts = Omit<SandboxesScope, "routes">;

export function serveAgentSockets(api: Parts): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const admission = new Admission(api.engine);
  const handle = (request: IncomingMessage, connection: Duplex, head: Buffer): void => {
    const id = String(request.headers[REQUEST_ID_HEADER]);
    const onError = (): void => void connection.destroy();
    connection.on("error", onError);
    const begin = (found: Sandbox): void => {
      connection.off("error", onError);
      const isFlat = (request.url ?? "").includes("exec.cbor");
      sockets.handleUpgrade(request, connection, head, (socket) => {
        socket.once("close", admission.count(found.sandbox.id));
        socket.once("close", endWhenSilent(socket, connection));
        run(api, found, socket, isFlat);
      });
    };
    inNameOf(id, () => {
      const path = URL.parse(request.url ?? "/", "http://localhost")?.pathname ?? "";
      admission.admit(request, PATH.exec(path)?.[1] ?? "").then(begin, (error: unknown) => {
        const { entry } = asFastvmError(error);
        if (entry.status === 500) api.log.error({ err: error }, "an agent's socket could not be opened");
        refuseUpgrade(connection, `${entry.status} ${STATUS_CODES[entry.status] ?? "Refused"}`, id);
      });
    });
  };
  onUpgrade(api.scope.server, { path: PATH, handle });
  for (const base of ["", SANDBOXES.basePath])
    for (const name of ["agent", "exec.cbor"])
      tellRefusal(api, admission, `${base}/v1/sandboxes/:id/${name}`);
  api.scope.addHook("preClose", async () => {
    for (const socket of sockets.clients) socket.terminate();
  });
}

/** Of a refused WebSocket a runtime's client does not say why; it asks by a request, which is refused alike, in words. */
function tellRefusal({ scope }: Parts, admission: Admission, url: string): void {
  scope.get<{ Params: { id: string } }>(url, async ({ raw, params }) => {
    await admission.admit(raw, params.id);
    throw new FastvmError("invalid_request", "this is a WebSocket, and takes no other request");
  });
}

function run({ engine, clock, log, logs }: Parts, found: Sandbox, socket: WebSocket, isFlat: boolean): void {
  const { sandbox } = found;
  const gone = new AbortController();
  socket.on("error", () => socket.terminate());
  socket.once("close", () => gone.abort(new Error("the client went away")));
  const { runtime } = specOf(found);
  let touches = 0;
  const session = new AgentSession({
    context: {
      engine,
      vmId: sandbox.id,
      user: runtime?.user ?? undefined,
      cwd: runtime?.workdir ?? "/",
      print: async (source, text) => (await logs.of(sandbox.id)).append({ source, at: clock.now(), text }),
      signal: gone.signal,
    },
    send: (frame) => send(socket, encodeFrame(frame)),
    touch: () => {
      engine.activity.notice(sandbox.id);
      return ++touches;
    },
  });
  const reader = new FrameReader();
  const input = new SocketInput(socket, async (bytes) => {
    for (const frame of reader.push(bytes)) await session.receive(frame);
  });
  input.failed.catch((error: unknown) => {
    log.info({ err: error }, "an agent's client sent what is no frame");
    closeWebSocket(socket, 1002);
  });
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (isBinary) input.push(bufferOf(data));
  });
  if (!isFlat) greet(socket, found, clock.now());
}

function greet(socket: WebSocket, { vm }: Sandbox, now: number): void {
  const range = Buffer.alloc(8);
  range.writeUInt32BE(FIRST_ID, 0);
  range.writeUInt32BE(AFTER_LAST_ID, 4);
  const startedAt = BigInt(vm?.startedAt ?? now) * 1_000_000n;
  const ready: Frame = {
    id: 0,
    type: "core.ready",
    payload: {
      boot_time_ns: startedAt,
      init_time_ns: startedAt,
      ready_time_ns: startedAt,
      agent_version: `${AGENT_VERSION}/${GENERATION}`,
    },
  };
  socket.send(Buffer.concat([range, encodeFrame(ready)]));
}

function bufferOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** Resolves when it is on its way. */
function send(socket: WebSocket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, { binary: true }, (error) => (error ? reject(error) : resolve()));
  });
}
