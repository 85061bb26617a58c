/** Where a daemon listens, as others need it. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Who listens at all addresses is reached at this one, and is this machine's daemon by it: the command gives its key to no other. */
const LOOPBACK: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** As clients of this machine write it: an IPv6 address stands in brackets. */
export function urlOf({ host, port }: ListenAddress, protocol: "http" | "https"): string {
  const reached = LOOPBACK[host] ?? host;
  return `${protocol}://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}
