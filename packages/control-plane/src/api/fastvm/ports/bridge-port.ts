/** Joins a WebSocket and a connection into a VM, each at the pace of the other, half by half. */
import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { closeWebSocket } from "../../../http/close-web-socket.ts";

const END = "end";
const NORMAL_CLOSURE = 1000;
const INTERNAL_ERROR = 1011;

export function bridgePort(socket: WebSocket, connection: Duplex): void {
  let isWhole = { in: false, out: false };
  const closeIfWhole = (): void => {
    if (isWhole.in && isWhole.out) closeWebSocket(socket, NORMAL_CLOSURE);
  };
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (!isBinary) {
      isWhole = { ...isWhole, in: true };
      connection.end();
      return closeIfWhole();
    }
    if (connection.write(bytesOf(data))) return;
    socket.pause();
    connection.once("drain", () => socket.resume());
  });
  connection.on("data", (chunk: Buffer) => {
    // Until the client has taken these, the guest is not read on.
    connection.pause();
    socket.send(chunk, { binary: true }, (error) => {
      if (!error) connection.resume();
    });
  });
  connection.once("end", () => {
    isWhole = { ...isWhole, out: true };
    socket.send(END);
    closeIfWhole();
  });
  connection.once("error", () => closeWebSocket(socket, INTERNAL_ERROR));
  connection.once("close", () => closeWebSocket(socket, isWhole.out ? NORMAL_CLOSURE : INTERNAL_ERROR));
  socket.on("error", () => socket.terminate());
  socket.once("close", () => connection.destroy());
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
