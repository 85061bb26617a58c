/** Which service a request is for: by its Host, else by its path. */
import { parseServiceLabel, parseVmHex, SERVICE_PATH_PREFIX, type ServiceAddress } from "@fastvm/contract";
import { ProxyError } from "../answer/proxy-errors.ts";
import { readTarget } from "./read-target.ts";
import type { ClientRequest } from "../client-request.ts";

export interface Destination {
  readonly address: ServiceAddress;
  /** What the service gets to see: origin-form, starting with a slash. */
  readonly path: string;
  /** What was cut from the path; empty when the host names the service. */
  readonly prefix: string;
  /** The service's root was asked for without its last slash, so that relative links would lead astray. */
  readonly lacksSlash: boolean;
}

/** Whether the request is the proxy's, be it well formed or not. Asked of every request to the API, so it only looks. */
export function isForServices(request: ClientRequest, domain: string): boolean {
  return (
    pathOf(request.url ?? "").startsWith(SERVICE_PATH_PREFIX) ||
    hostsOf(request).some((host) => labelOf(host, domain) !== undefined)
  );
}

/** Throws a ProxyError for what is ambiguous or names nothing. */
export function findDestination(
  request: ClientRequest,
  { domain, pathUrls }: { readonly domain: string; readonly pathUrls: boolean },
): Destination {
  const host = hostsOf(request)[0] ?? "";
  const target = readTarget(request.url ?? "", host);
  const label = labelOf(host, domain);
  if (label === undefined && !pathUrls)
    throw new ProxyError("host_not_found", "services are at host names of their own only");
  if (label === undefined) return byPath(target);
  const address = parseServiceLabel(label);
  if (address === undefined) throw new ProxyError("host_not_found", host);
  return { address, path: target, prefix: "", lacksSlash: false };
}

/** All that claim to be the host: a well-formed request has one. */
export function hostsOf({ rawHeaders }: ClientRequest): readonly string[] {
  const hosts: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase();
    if (name === "host" || name === ":authority") hosts.push(rawHeaders[index + 1] ?? "");
  }
  return hosts;
}

/** What stands before `.proxy.<domain>`; the port and a last dot do not count. */
function labelOf(host: string, domain: string): string | undefined {
  const name = host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
  const suffix = `.proxy.${domain}`;
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
}

function pathOf(url: string): string {
  return url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?#]*/i, "");
}

const PATH = /^\/proxy\/([^/?]*)\/([^/?]*)(.*)$/s;

function byPath(target: string): Destination {
  const [, hex = "", service = "", rest = ""] = PATH.exec(target) ?? [];
  const vmId = parseVmHex(hex);
  if (vmId === undefined || service === "") {
    throw new ProxyError(
      "host_not_found",
      `paths are ${SERVICE_PATH_PREFIX}<32 digits of the VM's id>/<service>/`,
    );
  }
  const lacksSlash = !rest.startsWith("/");
  return {
    address: { vmId, service },
    path: lacksSlash ? `/${rest}` : rest,
    prefix: `${SERVICE_PATH_PREFIX}${hex}/${service}`,
    lacksSlash,
  };
}
