/**
 * Where a port of a machine is reached by preview URLs: by the host name `<port>-<VM's id as 32 digits>.proxy.<domain>`, beside those of
 * services, and by the path `/__ns-edge/machines/mch_<32 digits>/ports/<port>/`. Both name the machine and not one execution of it,
 * so a URL outlives pauses; ids of later executions are taken in paths, too.
 */
import type { VmId } from "./model/ids.ts";
import { parseVmHex } from "./service-address.ts";

export interface PreviewAddress {
  readonly vmId: VmId;
  readonly port: number;
}

/** Under which paths of any host previews are. */
export const PREVIEW_PATH_PREFIX = "/__ns-edge/";

/** In the query of a URL: the token that opens it. */
export const EDGE_TOKEN_PARAMETER = "edge_token";
/** In the query of a URL whose token comes in a header; it is no secret, and `header` is all it says. */
export const TRANSPORT_MARKER_PARAMETER = "__ns_preview_transport";
export const PROXY_TOKEN_HEADER = "x-nullspace-preview-proxy-token";
export const TRAFFIC_TOKEN_HEADER = "x-nullspace-traffic-access-token";
/** Of the cookie that stands for the token of a URL that was opened. */
export const CONTINUATION_COOKIE = "fv-preview";

const MAX_PORT = 65_535;
/** Of SSH, and of desktops, which have ways of their own. */
const RESERVED_PORT = 22;
const RESERVED_PORTS = { first: 5900, last: 5999 } as const;

const LABEL = /^([1-9]\d{0,4})-([0-9a-f]{32})$/;
const PATH = /^\/__ns-edge\/machines\/mch_([0-9a-f]{32})(?:_\d{1,9})?\/ports\/([1-9]\d{0,4})(?=[/?]|$)/;

export function previewHostname({ vmId, port }: PreviewAddress, domain: string): string {
  return `${port}-${vmId.replaceAll("-", "")}.proxy.${domain}`;
}

/** Ends with a slash. */
export function previewPath({ vmId, port }: PreviewAddress): string {
  return `${PREVIEW_PATH_PREFIX}machines/mch_${vmId.replaceAll("-", "")}/ports/${port}/`;
}

/** `undefined` when the label before `.proxy.<domain>` names no port of a machine. */
export function parsePreviewLabel(label: string): PreviewAddress | undefined {
  const [, port = "", hex = ""] = LABEL.exec(label) ?? [];
  return addressOf(port, hex);
}

/** And the part of the path that says it, without a slash at its end. */
export function parsePreviewPath(
  path: string,
): { readonly address: PreviewAddress; readonly prefix: string } | undefined {
  const [prefix = "", hex = "", port = ""] = PATH.exec(path) ?? [];
  const address = addressOf(port, hex);
  return address === undefined ? undefined : { address, prefix };
}

/** `undefined` for what is no port, or one that is reserved. */
export function parsePreviewPort(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : undefined;
  return port === undefined || port > MAX_PORT || isReserved(port) ? undefined : port;
}

function addressOf(text: string, hex: string): PreviewAddress | undefined {
  const port = parsePreviewPort(text);
  const vmId = parseVmHex(hex);
  return port === undefined || vmId === undefined ? undefined : { vmId, port };
}

function isReserved(port: number): boolean {
  return port === RESERVED_PORT || (port >= RESERVED_PORTS.first && port <= RESERVED_PORTS.last);
}
