/** What a request for a preview presents: each kind of token by its own way, whatever else has the look of one. */
import {
  CONTINUATION_COOKIE,
  EDGE_TOKEN_PARAMETER,
  PROXY_TOKEN_HEADER,
  TRAFFIC_TOKEN_HEADER,
  TRANSPORT_MARKER_PARAMETER,
  type PreviewCredentials,
} from "@fastvm/contract";
import { valuesOf } from "./header-values.ts";
import type { ClientRequest } from "../client-request.ts";

export function previewCredentials(request: ClientRequest, path: string): PreviewCredentials {
  const parameters = parametersOf(path);
  const url = oneOf(valuesNamed(parameters, EDGE_TOKEN_PARAMETER));
  const isMarked = valuesNamed(parameters, TRANSPORT_MARKER_PARAMETER).includes("header");
  const proxy = oneOf(valuesOf(request, PROXY_TOKEN_HEADER)) ?? (isMarked ? "" : undefined);
  const traffic = oneOf(valuesOf(request, TRAFFIC_TOKEN_HEADER));
  return {
    cookies: cookiesOf(request),
    ...(url === undefined ? {} : { url }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(traffic === undefined ? {} : { traffic }),
  };
}

/** The path as its service sees it: without what is between the client and us. */
export function withoutOurParameters(path: string): string {
  const at = path.indexOf("?");
  if (at < 0) return path;
  const pairs = path.slice(at + 1).split("&");
  const left = pairs.filter((pair) => !isOurs(pair));
  if (left.length === pairs.length) return path;
  return left.length === 0 ? path.slice(0, at) : `${path.slice(0, at)}?${left.join("&")}`;
}

/** Of two that say different things none is meant. */
function oneOf(values: readonly string[]): string | undefined {
  return values.length > 1 ? "" : values[0]?.trim();
}

function parametersOf(path: string): URLSearchParams {
  const at = path.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : path.slice(at + 1));
}

function valuesNamed(parameters: URLSearchParams, name: string): readonly string[] {
  return parameters.getAll(name);
}

function isOurs(pair: string): boolean {
  const [name] = new URLSearchParams(pair).keys();
  return name === EDGE_TOKEN_PARAMETER || name === TRANSPORT_MARKER_PARAMETER;
}

function cookiesOf(request: ClientRequest): readonly string[] {
  return valuesOf(request, "cookie")
    .flatMap((value) => value.split(";"))
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${CONTINUATION_COOKIE}=`))
    .map((cookie) => cookie.slice(CONTINUATION_COOKIE.length + 1));
}
