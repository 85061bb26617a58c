/** Which service or which port of a machine a request is for: by its Host, else by its path. */
import {
  parsePreviewLabel,
  parsePreviewPath,
  parseServiceLabel,
  parseVmHex,
  PREVIEW_PATH_PREFIX,
  SERVICE_PATH_PREFIX,
  type PreviewAddress,
  type PreviewCredentials,
  type ServiceAddress,
} from "@fastvm/contract";
import { ProxyError } from "../answer/proxy-errors.ts";
import { readTarget } from "./read-target.ts";
import { previewCredentials, withoutOurParameters } from "./preview-credentials.ts";
import { hostsOf } from "./hosts.ts";
import type { ClientRequest } from "../client-request.ts";

interface Place {
  /** What the service gets to see: origin-form, starting with a slash. */
  readonly path: string;
  /** What was cut from the path; empty when the host names the service. */
  readonly prefix: string;
  /** The service's root was asked for without its last slash, so that relative links would lead astray: where they would not. */
  readonly slashedAt: string | undefined;
}

export interface ServiceDestination extends Place {
  readonly kind: "service";
  readonly address: ServiceAddress;
}

export interface PreviewDestination extends Place {
  readonly kind: "preview";
  readonly address: PreviewAddress;
  readonly credentials: PreviewCredentials;
}

export type Destination = ServiceDestination | PreviewDestination;

/** Whether the request is the proxy's, be it well formed or not. Asked of every request to the API, so it only looks. */
export function isForServices(request: ClientRequest, domain: string): boolean {
  const path = pathOf(request.url ?? "");
  return (
    path.startsWith(SERVICE_PATH_PREFIX) ||
    path.startsWith(PREVIEW_PATH_PREFIX) ||
    hostsOf(request).some((host) => labelOf(host, domain) !== undefined)
  );
}

/** Whether it is for a machine's port, whose clients expect errors as the API of machines has them. */
export function isForPreviews(request: ClientRequest, domain: string): boolean {
  const label = labelOf(hostsOf(request)[0] ?? "", domain);
  if (label !== undefined) return parsePreviewLabel(label) !== undefined;
  return pathOf(request.url ?? "").startsWith(PREVIEW_PATH_PREFIX);
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
  if (label === undefined) return byPath(request, target);
  const preview = parsePreviewLabel(label);
  const place = { path: target, prefix: "", slashedAt: undefined };
  if (preview !== undefined) return previewAt(request, preview, place);
  const address = parseServiceLabel(label);
  if (address === undefined) throw new ProxyError("host_not_found", host);
  return { kind: "service", address, ...place };
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

function byPath(request: ClientRequest, target: string): Destination {
  if (target.startsWith(PREVIEW_PATH_PREFIX)) return previewByPath(request, target);
  const [, hex = "", service = "", rest = ""] = PATH.exec(target) ?? [];
  const vmId = parseVmHex(hex);
  if (vmId === undefined || service === "") {
    throw new ProxyError(
      "host_not_found",
      `paths are ${SERVICE_PATH_PREFIX}<32 digits of the VM's id>/<service>/`,
    );
  }
  return {
    kind: "service",
    address: { vmId, service },
    ...placeBelow(`${SERVICE_PATH_PREFIX}${hex}/${service}`, rest),
  };
}

function previewByPath(request: ClientRequest, target: string): PreviewDestination {
  const found = parsePreviewPath(target);
  if (found === undefined)
    throw new ProxyError("host_not_found", `paths are ${PREVIEW_PATH_PREFIX}machines/<id>/ports/<port>/`);
  const { address, prefix } = found;
  return previewAt(request, address, placeBelow(prefix, target.slice(prefix.length)));
}

function placeBelow(prefix: string, rest: string): Place {
  if (rest.startsWith("/")) return { path: rest, prefix, slashedAt: undefined };
  return { path: `/${rest}`, prefix, slashedAt: `${prefix.slice(prefix.lastIndexOf("/") + 1)}/${rest}` };
}

function previewAt(request: ClientRequest, address: PreviewAddress, place: Place): PreviewDestination {
  const credentials = previewCredentials(request, place.path);
  return { kind: "preview", address, ...place, path: withoutOurParameters(place.path), credentials };
}
