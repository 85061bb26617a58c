/** Where a daemon listens, as others need it. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** As clients write it: an IPv6 address stands in brackets. */
export function urlOf({ host, port }: ListenAddress, protocol: "http" | "https"): string {
  return `${protocol}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
