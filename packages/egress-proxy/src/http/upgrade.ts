/** The rest of a connection that has become something else, such as a WebSocket: its bytes go to and fro as they are. */
import { STATUS_CODES, type ClientRequest, type IncomingMessage } from "node:http";
import { pipeline, type Duplex } from "node:stream";
import { endToEnd, pairsOf } from "./fields.ts";

export function answerUpgrade(sent: ClientRequest, socket: Duplex, early: Buffer): void {
  const end = (): void => void socket.destroy();
  sent.once("error", end);
  sent.once("upgrade", (answered: IncomingMessage, upstream: Duplex, first: Buffer) => {
    const protocol = answered.headers.upgrade ?? "";
    socket.write(headOf(answered, ["Connection", "Upgrade", "Upgrade", protocol]));
    socket.write(first);
    upstream.write(early);
    pipeline(socket, upstream, end);
    pipeline(upstream, socket, end);
  });
  // Refused: an answer like any other, after which there is no more.
  sent.once("response", (answered) => {
    socket.write(headOf(answered, ["Connection", "close"]));
    pipeline(answered, socket, () => undefined);
  });
}

function headOf(answered: IncomingMessage, own: readonly string[]): string {
  const status = answered.statusCode ?? 502;
  const lines = [...pairsOf([...endToEnd(answered.rawHeaders), ...own])].map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n`;
}
