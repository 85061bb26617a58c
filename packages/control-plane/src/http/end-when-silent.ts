/** Notices that the other side of a WebSocket has vanished: of one that is there, bytes move either way, at the latest those of a pong. */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** A vanished client is noticed within three of these. */
const PING_EVERY_MS = 15_000;
const MAX_MISSED = 2;
/** Of one that does not read what waits for it: a download may be held for minutes, and looks as one that has vanished does. */
const MAX_STALLED = 20;

/**
 * Ends a socket on which nothing moves, and tells how to stop looking. A pong stands in line: behind what the client sends, which may be
 * gigabytes that are taken at the pace of a slow command, and our ping behind what the client has not read yet.
 */
export function endWhenSilent(
  socket: WebSocket,
  connection: Duplex,
  everyMs: number = PING_EVERY_MS,
): () => void {
  let missed = 0;
  let movedBefore = movedBytes(connection);
  const heard = (): void => {
    missed = 0;
  };
  for (const event of ["pong", "message"]) socket.on(event, heard);
  const timer = setInterval(() => {
    const moved = movedBytes(connection);
    // What it answers is not read while we do not read.
    if (socket.isPaused || moved > movedBefore) missed = 0;
    movedBefore = moved;
    const isRead = socket.bufferedAmount === 0;
    if (missed >= (isRead ? MAX_MISSED : MAX_STALLED)) return socket.terminate();
    missed += 1;
    // One behind bytes that wait says no more than they do.
    if (isRead) socket.ping();
    movedBefore = movedBytes(connection);
  }, everyMs);
  return () => clearInterval(timer);
}

/** Taken from the network, and given to it. */
function movedBytes(connection: Duplex): number {
  if (!(connection instanceof Socket)) return 0;
  return connection.bytesRead + connection.bytesWritten - connection.writableLength;
}
