/** Where a daemon listens: settled before it starts, since the guests' agents and the file that names the daemon need it. */
import { once } from "node:events";
import { createServer } from "node:net";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** The port, or a free one in place of 0. Somebody else may take that before it is listened on; then the daemon says so and ends. */
export async function settlePort({ host, port }: ListenAddress): Promise<number> {
  if (port !== 0) return port;
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error(`${host} has no port to listen on`);
  return address.port;
}

/** As clients write it: an IPv6 address stands in brackets. */
export function urlOf({ host, port }: ListenAddress, protocol: "http" | "https"): string {
  return `${protocol}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
