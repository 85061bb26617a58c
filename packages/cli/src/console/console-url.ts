/** Where a console's WebSocket is. */
import type { ConsoleToken } from "fastvm";

/** The server may name the whole URL or only its path. The token in it is the permission: no key is sent along. */
export function consoleUrl(baseUrl: string, { token, websocketPath }: ConsoleToken): string {
  const isWhole = /^wss?:\/\//.test(websocketPath);
  const url = isWhole ? websocketPath : baseUrl.replace(/\/+$/, "").replace(/^http/, "ws") + websocketPath;
  return `${url}${url.includes("?") ? "&" : "?"}session=${encodeURIComponent(token)}`;
}
