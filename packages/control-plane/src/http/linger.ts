/**
 * The end of an HTTP/1.1 connection whose client still sends what was refused already. Closed at once, the kernel
 * answers what comes by a reset, and the client finds a broken pipe where it should find the answer. So only our half
 * is ended; what comes is dropped, unparsed, until the client has left or a bound is met.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

export interface LingerLimits {
  /** From the answer on. */
  readonly ms: number;
  /** A client that sends nothing for so long has seen the answer, or is gone. */
  readonly silenceMs: number;
  readonly bytes: number;
}

/** Of a client with a key: an upload that no longer fits, on a slow line. */
export const LINGER_WITH_KEY: LingerLimits = { ms: 60_000, silenceMs: 10_000, bytes: 1024 ** 3 };
/** Of a stranger: twice the largest body that the API takes. To drop it costs a read per 64 KiB. */
export const LINGER_WITHOUT_KEY: LingerLimits = { ms: 15_000, silenceMs: 5000, bytes: 48 * 1024 ** 2 };

const lingering = new WeakSet<Socket>();
/** The latest of each connection. */
const answers = new WeakMap<Socket, ServerResponse>();

/** Nothing that comes on it is to be served. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket);
}

/** What is written to it now would be a part of that answer. */
export function isAnswering(socket: Socket): boolean {
  const answer = answers.get(socket);
  return answer?.headersSent === true && !answer.writableFinished;
}

/** To be called when a request begins: where Node would close its connection before its body has come, `linger` does. */
export function lingerAfter(
  request: IncomingMessage,
  response: ServerResponse,
  limits: () => LingerLimits,
): void {
  const { socket } = request;
  answers.set(socket, response);
  // Which Node calls when an answer that is the connection's last has ended, and never otherwise.
  socket.destroySoon = () => {
    if (request.complete) Socket.prototype.destroySoon.call(socket);
    else linger(socket, limits());
  };
}

/** The answer must have been written. */
export function linger(socket: Socket, { ms, silenceMs, bytes }: LingerLimits): void {
  if (lingering.has(socket)) return;
  lingering.add(socket);
  const end = (): void => void socket.destroy();
  // Whoever has sent all waits for no one.
  if (socket.readableEnded) return void socket.once("finish", end).end();
  const timer = setTimeout(end, ms).unref();
  socket.once("close", () => clearTimeout(timer)).once("end", end);
  socket.setTimeout(silenceMs, end);
  socket.end();
  // A body that was not read has stopped its connection. Node sets it going again, in the next turn; only while the parser has it.
  answers.get(socket)?.req.resume();
  socket.resume();
  setImmediate(() => dropAll(socket, bytes));
}

function dropAll(socket: Socket, bytes: number): void {
  let left = bytes;
  // Whose listener is gone does not parse any more.
  socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
}
