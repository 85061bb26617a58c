import type { WebSocket } from "ws";

/**
 * Closes also a socket that is paused: the other side's answer to the close would not be read, and both would wait 30 s for the end of
 * the connection.
 */
export function closeWebSocket(socket: WebSocket, code: number): void {
  socket.resume();
  socket.close(code);
}
