/**
 * Serves what guests' agents carry to us. Where the API has a certificate a guest may speak TLS or not: the connection has not left the
 * machine, and the small curl that images without one are given knows no TLS.
 */
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Duplex } from "node:stream";
import { SECURE_OPTIONS, type TlsFiles } from "../http/api-server.ts";

/** The first byte of every TLS connection, and of no request of HTTP. */
const TLS_HANDSHAKE = 0x16;
/** For whoever connects and says nothing; as long as Node gives a request's head. */
const FIRST_BYTE_LIMIT_MS = 60_000;

export function serveGuests(serve: RequestListener, tls: TlsFiles | undefined): (connection: Duplex) => void {
  const plain = createServer(serve);
  if (tls === undefined) return (connection) => void plain.emit("connection", connection);
  const secure = createSecureServer({ ...tls, secureOptions: SECURE_OPTIONS }, serve);
  return (connection) => {
    const giveUp = (): void => void connection.destroy();
    const timer = setTimeout(giveUp, FIRST_BYTE_LIMIT_MS);
    connection.once("end", giveUp).once("close", () => clearTimeout(timer));
    connection.once("data", (first: Buffer) => {
      clearTimeout(timer);
      connection.off("end", giveUp).pause();
      connection.unshift(first);
      (first[0] === TLS_HANDSHAKE ? secure : plain).emit("connection", connection);
      // The new owner has its listeners now; without this it would wait for bytes that came already.
      process.nextTick(() => connection.resume());
    });
  };
}
