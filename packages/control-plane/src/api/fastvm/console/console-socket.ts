/** The console's WebSocket: `/v1/vms/{id}/console/ws?session=<token>`. The token is all the authentication there is. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { REQUEST_ID_HEADER, type ExecSpec, type VmId } from "@fastvm/contract";
import { WebSocketServer, type WebSocket } from "ws";
import { closeWebSocket } from "../../../http/close-web-socket.ts";
import { endWhenSilent } from "../../../http/end-when-silent.ts";
import { inNameOf } from "../../../http/request-ids.ts";
import { onUpgrade, refuseUpgrade } from "../../../http/upgrades.ts";
import type { FastvmScope } from "../fastvm-scope.ts";
import { isConsoleOrigin } from "./console-origin.ts";
import { bridgeTerminal } from "./terminal-bridge.ts";

const PATH = /^\/v1\/vms\/([^/]+)\/console\/ws$/;
/** Pasted text comes in one frame; more than this is no typing. */
const MAX_INPUT_BYTES = 1024 * 1024;

/** bash where there is one, as a login shell, so that the prompt and the PATH are what people expect. */
const SHELL: ExecSpec = {
  command: ["sh", "-c", 'exec "$(command -v bash || echo sh)" -l'],
  env: { TERM: "xterm-256color" },
  pty: { cols: 80, rows: 24 },
};

export function serveConsole(api: FastvmScope): void {
  const { scope, config, log } = api;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_INPUT_BYTES });
  const handle = (request: IncomingMessage, connection: Duplex, head: Buffer): void => {
    const id = String(request.headers[REQUEST_ID_HEADER]);
    // Before the token is used up.
    if (!isConsoleOrigin(request.headers, config)) return refuseUpgrade(connection, "403 Forbidden", id);
    // While the records are asked nobody else listens to the connection.
    const onError = (): void => void connection.destroy();
    connection.on("error", onError);
    const answer = (vmId: VmId | undefined): void => {
      if (vmId === undefined) return refuseUpgrade(connection, "401 Unauthorized", id);
      connection.off("error", onError);
      sockets.handleUpgrade(request, connection, head, (socket) => {
        socket.once("close", endWhenSilent(socket, connection));
        runConsole(api, vmId, socket).catch((error: unknown) => {
          log.warn({ err: error, vmId }, "a console could not be opened");
          closeWebSocket(socket, 1011);
        });
      });
    };
    inNameOf(id, () => {
      admitted(request, api).then(answer, (error: unknown) => {
        log.warn({ err: error }, "a console's token could not be looked up");
        refuseUpgrade(connection, "503 Service Unavailable", id);
      });
    });
  };
  onUpgrade(scope.server, { path: PATH, handle });
  sockets.on("headers", (headers, { headers: { [REQUEST_ID_HEADER]: id } }) => {
    headers.push(`${REQUEST_ID_HEADER}: ${String(id)}`);
  });
  scope.addHook("preClose", async () => {
    for (const socket of sockets.clients) socket.terminate();
  });
}

/** A token opens only the VM that it was made for. */
async function admitted(request: IncomingMessage, { engine }: FastvmScope): Promise<VmId | undefined> {
  // Not `new URL`, which throws on what a stranger may send, here where nothing catches it.
  const url = URL.parse(request.url ?? "/", "http://localhost");
  const match = PATH.exec(url?.pathname ?? "");
  if (url === null || match === null) return undefined;
  const vmId = await engine.consoleTokens.redeem(url.searchParams.get("session") ?? "");
  return vmId === match[1] ? vmId : undefined;
}

async function runConsole({ engine }: FastvmScope, vmId: VmId, socket: WebSocket): Promise<void> {
  socket.on("error", () => socket.terminate());
  const gone = new AbortController();
  socket.once("close", () => gone.abort(new Error("the console's client went away")));
  // Frames that come while the shell starts wait in the socket.
  socket.pause();
  const session = await engine.execs.start(vmId, SHELL, { signal: gone.signal });
  const ended = bridgeTerminal(socket, session);
  socket.resume();
  await ended;
}
