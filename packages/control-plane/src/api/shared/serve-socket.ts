/** WebSockets behind keys: who may open one, what is said when one ends, and a ping by which both ends notice that the other is gone. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { hasScope, REQUEST_ID_HEADER, type Scope } from "@fastvm/contract";
import { WebSocketServer, type WebSocket } from "ws";
import type { FastifyInstance } from "fastify";
import type { Caller, Engine, KeyHolder } from "../../engine/engine.ts";
import { closeWebSocket } from "../../http/close-web-socket.ts";
import { endWhenSilent } from "../../http/end-when-silent.ts";
import { inNameOf } from "../../http/request-ids.ts";
import { onUpgrade, refuseUpgrade } from "../../http/upgrades.ts";
import type { Log } from "../../log.ts";
import type { ApiDialect } from "./api-dialect.ts";

interface SocketParts {
  readonly scope: FastifyInstance;
  readonly engine: Pick<Engine, "keys">;
  readonly log: Log;
  readonly dialect: Pick<ApiDialect, "name" | "presentedKey">;
  /** The last message of what failed, in the API's words. */
  readonly errorMessage: (thrown: unknown) => object;
}

export interface Connected {
  readonly caller: Caller;
  readonly socket: WebSocket;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

export interface SocketRoute<Wanted> {
  readonly path: RegExp;
  readonly needs: Scope;
  readonly maxMessageBytes: number;
  /** `undefined` for a path or parameters that say nothing: it does not open. */
  wantedOf(url: URL): Wanted | undefined;
  /** Until all is said. What it throws is told as an `error`, and ends the socket. */
  run(connected: Connected, wanted: Wanted): Promise<void>;
}

export function serveKeyedSocket<Wanted>(parts: SocketParts, route: SocketRoute<Wanted>): void {
  const { scope, engine, dialect } = parts;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: route.maxMessageBytes });
  const handle = (request: IncomingMessage, connection: Duplex, head: Buffer): void => {
    const id = String(request.headers[REQUEST_ID_HEADER]);
    const onError = (): void => void connection.destroy();
    connection.on("error", onError);
    const key = dialect.presentedKey(request.headers);
    const answer = (caller: KeyHolder | undefined): void => {
      if (caller === undefined) return refuseUpgrade(connection, "401 Unauthorized", id);
      if (!hasScope(caller.scopes, route.needs)) return refuseUpgrade(connection, "403 Forbidden", id);
      if (caller.rate?.isOver === true) return refuseUpgrade(connection, "429 Too Many Requests", id);
      const url = URL.parse(request.url ?? "", "http://localhost");
      const wanted = url === null ? undefined : route.wantedOf(url);
      if (wanted === undefined) return refuseUpgrade(connection, "400 Bad Request", id);
      connection.off("error", onError);
      sockets.handleUpgrade(request, connection, head, (socket) => {
        socket.once("close", endWhenSilent(socket, connection));
        void carry(parts, socket, (signal) => route.run({ caller, socket, signal }, wanted));
      });
    };
    inNameOf(id, () => {
      const caller = key === undefined ? Promise.resolve(undefined) : engine.keys.holderOf(key, dialect.name);
      caller.then(answer, () => refuseUpgrade(connection, "503 Service Unavailable", id));
    });
  };
  onUpgrade(scope.server, { path: route.path, handle });
  scope.addHook("preClose", async () => {
    for (const socket of sockets.clients) socket.terminate();
  });
}

async function carry(
  { log, errorMessage }: Pick<SocketParts, "log" | "errorMessage">,
  socket: WebSocket,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  socket.on("error", () => socket.terminate());
  socket.once("close", () => gone.abort());
  try {
    await run(gone.signal);
    closeWebSocket(socket, 1000);
  } catch (error) {
    if (gone.signal.aborted) return;
    log.info({ err: error }, "a client's socket was ended");
    await send(socket, errorMessage(error)).catch(() => undefined);
    closeWebSocket(socket, 1011);
  }
}

/** Resolves when it is on its way, so that a slow reader holds up its own stream alone, and no memory. */
export function send(socket: WebSocket, message: object): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve()));
  });
}
