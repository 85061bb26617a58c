/** Where the host's questions go: as configured, or as /etc/resolv.conf says. */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;
const RESOLV_CONF = "/etc/resolv.conf";
/** As the C library's. */
const MAX_NAMESERVERS = 3;
/** Hosts move between networks; a file of a few lines is cheap to read again. */
const REREAD_MS = 15_000;

/**
 * `address`, `address:port` or `[address]:port`, never a name: a resolver cannot begin with resolving. `undefined` when it is none of them.
 */
export function parseUpstream(text: string): UpstreamAddress | undefined {
  if (isIP(text) !== 0) return { host: text, port: DNS_PORT };
  const match = /^(?:\[(?<ipv6>[^\]]+)\]|(?<ipv4>[^:]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const { ipv4, ipv6, port } = match?.groups ?? {};
  const parsed = { host: ipv6 ?? ipv4 ?? "", port: port === undefined ? DNS_PORT : Number(port) };
  const family = ipv6 === undefined ? 4 : 6;
  return isIP(parsed.host) === family && parsed.port >= 1 && parsed.port <= 65_535 ? parsed : undefined;
}

/** Whether it can be asked: what `parseUpstream` takes. */
export function isNameserver(text: string): boolean {
  return parseUpstream(text) !== undefined;
}

/** The name servers of a resolv.conf; the host itself when there are none, as the C library does it. */
export function parseResolvConf(text: string): UpstreamAddress[] {
  const servers: UpstreamAddress[] = [];
  for (const line of text.split("\n")) {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    if (address !== undefined && isIP(address) !== 0) servers.push({ host: address, port: DNS_PORT });
  }
  return servers.length === 0 ? [{ host: "127.0.0.1", port: DNS_PORT }] : servers.slice(0, MAX_NAMESERVERS);
}

/** Returns the upstreams of the moment. */
export type UpstreamSource = () => Promise<readonly UpstreamAddress[]>;

export function configuredUpstreams(texts: readonly string[]): UpstreamSource {
  const upstreams = texts.map((text) => {
    const upstream = parseUpstream(text);
    if (upstream === undefined) throw new TypeError(`not an address with or without a port: ${text}`);
    return upstream;
  });
  if (upstreams.length === 0) throw new TypeError("no upstream was given");
  return () => Promise.resolve(upstreams);
}

/** Of a file that may change while the daemon runs. */
export function systemUpstreams(path = RESOLV_CONF): UpstreamSource {
  let known: Promise<readonly UpstreamAddress[]> | undefined;
  let readAtMs = 0;
  return () => {
    const nowMs = performance.now();
    if (known === undefined || nowMs - readAtMs > REREAD_MS) {
      readAtMs = nowMs;
      // A host without the file is as one without name servers.
      known = readFile(path, "utf8").then(parseResolvConf, () => parseResolvConf(""));
    }
    return known;
  };
}
