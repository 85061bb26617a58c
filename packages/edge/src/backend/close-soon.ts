/** Ends a connection as both sides would by themselves; one that does not go by itself is broken off. */
import type { Duplex } from "node:stream";

const LAST_BYTES_MS = 1000;

export function closeSoon(connection: Duplex): void {
  connection.on("error", () => undefined);
  if (!connection.writableEnded) connection.end();
  // What nobody reads would never end.
  connection.resume();
  const timer = setTimeout(() => connection.destroy(), LAST_BYTES_MS);
  connection.once("close", () => clearTimeout(timer));
}
