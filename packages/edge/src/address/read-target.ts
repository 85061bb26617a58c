/** A request's target as its path. Two parties that read one target as two different ones are how requests are smuggled. */
import { ProxyError } from "../answer/proxy-errors.ts";

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

/** Origin-form. An absolute target must name the same host; other forms are refused. */
export function readTarget(url: string, host: string): string {
  if (url.startsWith("/")) return withoutFragment(url);
  const [, authority, rest] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined || rest === undefined) {
    throw new ProxyError("invalid_request", "its target is neither a path nor a URL");
  }
  if (authority.toLowerCase() !== host.toLowerCase()) {
    throw new ProxyError("invalid_request", "its target names another host than its Host header");
  }
  return withoutFragment(rest.startsWith("/") ? rest : `/${rest}`);
}

function withoutFragment(path: string): string {
  if (path.includes("#")) throw new ProxyError("invalid_request", "its target has a fragment");
  return path;
}
