/** The URLs of a port: by its host name, which gives its pages an origin of their own, and by path at the API's own host. */
import {
  EDGE_TOKEN_PARAMETER,
  previewHostname,
  previewPath,
  TRANSPORT_MARKER_PARAMETER,
  type PreviewAddress,
} from "@fastvm/contract";
import type { ControlPlaneConfig } from "../../../config.ts";
import { instantOf } from "../views/instant.ts";
import type { PreviewGrantRecord, PreviewTokens } from "../../../engine/engine.ts";

type Urls = Pick<ControlPlaneConfig, "domain" | "pathUrls">;

/** Names below it lead to whoever asks, so they are of use on the daemon's machine alone. */
const OWN_MACHINE = "localhost";

/** With the tokens in it. `base`: where the client reaches us; it reaches previews the same way. */
export function signedUrls(
  grant: Pick<PreviewGrantRecord, "vmId" | "port" | "expiresAt">,
  { http = "", websocket = "" }: PreviewTokens,
  config: Urls,
  base: URL,
) {
  const byHost = hostUrl(grant, config, base);
  const byPath = config.pathUrls ? pathUrl(grant, base) : undefined;
  const url = byPath !== undefined && isElsewhere(config, base) ? byPath : byHost;
  return {
    url: withToken(url, http),
    websocket_url: withToken(forWebSockets(url), websocket),
    path_url: byPath === undefined ? null : withToken(byPath, http),
    path_websocket_url: byPath === undefined ? null : withToken(forWebSockets(byPath), websocket),
    access_token_expires_at: instantOf(grant.expiresAt),
    access_token_transport: "query" as const,
  };
}

/** For a proxy that sends its token in a header: no secret is in them. */
export function proxyUrls(address: PreviewAddress, config: Urls, base: URL) {
  const byHost = hostUrl(address, config, base);
  const url = config.pathUrls && isElsewhere(config, base) ? pathUrl(address, base) : byHost;
  const marked = (plain: string): string => `${plain}?${TRANSPORT_MARKER_PARAMETER}=header`;
  return { http: marked(url), websocket: marked(forWebSockets(url)) };
}

export function hostOf(address: PreviewAddress, { domain }: Urls, base: URL): string {
  return `${previewHostname(address, domain)}${base.port === "" ? "" : `:${base.port}`}`;
}

function hostUrl(address: PreviewAddress, config: Urls, base: URL): string {
  return `${base.protocol}//${hostOf(address, config, base)}/`;
}

function pathUrl(address: PreviewAddress, base: URL): string {
  return `${base.origin}${previewPath(address)}`;
}

/** Whether the client is on another machine, and the host names of this domain would lead it to its own. */
function isElsewhere({ domain }: Urls, { hostname }: URL): boolean {
  const isLoopback =
    hostname === OWN_MACHINE || hostname.endsWith(`.${OWN_MACHINE}`) || /^(127\.|\[::1\]$)/.test(hostname);
  return domain === OWN_MACHINE && !isLoopback;
}

function withToken(url: string, token: string): string {
  return `${url}?${EDGE_TOKEN_PARAMETER}=${token}`;
}

function forWebSockets(url: string): string {
  return url.replace(/^http/, "ws");
}
