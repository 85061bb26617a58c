/** WebSockets of several APIs at one server: each says which paths are its own; what is nobody's is refused, as an unknown key is. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { REQUEST_ID_HEADER, requestIdOf } from "@fastvm/contract";

interface UpgradeHandler {
  readonly path: RegExp;
  /** Answers by itself, also with a refusal. */
  handle(request: IncomingMessage, connection: Duplex, head: Buffer): void;
}

const HANDLERS = new WeakMap<Server, UpgradeHandler[]>();

export function onUpgrade(server: Server, handler: UpgradeHandler): void {
  const known = HANDLERS.get(server);
  if (known !== undefined) return void known.push(handler);
  const handlers = [handler];
  HANDLERS.set(server, handlers);
  server.on("upgrade", (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    const id = requestIdOf(request.headers[REQUEST_ID_HEADER]);
    request.headers[REQUEST_ID_HEADER] = id;
    // Not `new URL`, which throws on what a stranger may send, here where nothing catches it.
    const path = URL.parse(request.url ?? "/", "http://localhost")?.pathname ?? "";
    const own = handlers.find((candidate) => candidate.path.test(path));
    if (own === undefined) return refuseUpgrade(connection, "401 Unauthorized", id);
    own.handle(request, connection, head);
  });
}

/** Of all WebSockets that a server has. */
export function upgradePaths(server: Server): readonly RegExp[] {
  return (HANDLERS.get(server) ?? []).map(({ path }) => path);
}

export function refuseUpgrade(connection: Duplex, status: string, id: string): void {
  connection.on("error", () => connection.destroy());
  const headers = ["Connection: close", "Content-Length: 0", `${REQUEST_ID_HEADER}: ${id}`];
  connection.end(`HTTP/1.1 ${status}\r\n${headers.join("\r\n")}\r\n\r\n`);
}
