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
  let readBefore = bytesRead(connection);
  let givenBefore = bytesGiven(connection);
  let didWait = false;
  const heard = (): void => {
    missed = 0;
  };
  for (const event of ["pong", "message"]) socket.on(event, heard);
  const timer = setInterval(() => {
    const read = bytesRead(connection);
    const given = bytesGiven(connection);
    // What it answers is not read while we do not read.
    if (socket.isPaused || read > readBefore || (didWait && given > givenBefore)) missed = 0;
    const isRead = socket.bufferedAmount === 0;
    [readBefore, givenBefore, didWait] = [read, given, !isRead];
    if (missed >= (isRead ? MAX_MISSED : MAX_STALLED)) return socket.terminate();
    missed += 1;
    // One behind bytes that wait says no more than they do. Nor does one that was taken: over TLS that is told later, as if by the client.
    if (isRead) socket.ping();
  }, everyMs);
  return () => clearInterval(timer);
}

/** Taken from the network. */
function bytesRead(connection: Duplex): number {
  return connection instanceof Socket ? connection.bytesRead : 0;
}

/** To the network. */
function bytesGiven(connection: Duplex): number {
  return connection instanceof Socket ? connection.bytesWritten - connection.writableLength : 0;
}
