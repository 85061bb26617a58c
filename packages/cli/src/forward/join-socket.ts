/** Joins a connection of this machine and the API's WebSocket to a port, each at the pace of the other; `end` is the end of a half. */
import type { Socket } from "node:net";
import type { RawData, WebSocket } from "ws";

/** What the API takes in a frame. */
const MAX_FRAME_BYTES = 256 * 1024;
const NORMAL_CLOSURE = 1000;

export function joinSocket(client: Socket, socket: WebSocket): void {
  socket.removeAllListeners("error");
  socket.on("error", () => client.destroy());
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (!isBinary) {
      client.end();
      return;
    }
    if (client.write(Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer))) return;
    socket.pause();
    client.once("drain", () => socket.resume());
  });
  socket.once("close", (code) => {
    if (code === NORMAL_CLOSURE) client.end();
    else client.resetAndDestroy();
  });
  client.on("data", (chunk: Buffer) => {
    client.pause();
    for (let start = 0; start < chunk.length; start += MAX_FRAME_BYTES) {
      const isLast = start + MAX_FRAME_BYTES >= chunk.length;
      socket.send(chunk.subarray(start, start + MAX_FRAME_BYTES), (error) => {
        if (!error && isLast) client.resume();
      });
    }
  });
  client.once("end", () => socket.send("end"));
  client.once("close", () => socket.close());
  client.resume();
}
