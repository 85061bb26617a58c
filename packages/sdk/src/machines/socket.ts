/** A WebSocket to the API of machines. The key goes in a header, which browsers cannot send: Node from 22 on, Bun and Deno can. */
import { credentialsOf } from "../client-config.ts";
import type { ClientConfig } from "../client-config.ts";
import { MachineError } from "./machine-error.ts";

/** What a runtime's own has of it. */
interface SocketLike {
  close(): void;
  send(text: string): void;
  addEventListener(kind: "open" | "close" | "error", listener: () => void): void;
  addEventListener(kind: "message", listener: (event: { readonly data: unknown }) => void): void;
}
type SocketClass = new (url: string, options: { readonly headers: Record<string, string> }) => SocketLike;

/** A server that takes longer to connect is as good as down. */
const CONNECT_MS = 15_000;
/** Messages that nobody has read yet. More, and the connection is given up. */
const MAX_WAITING = 10_000;

/** Its messages, each once, until it is closed by whomever. Throws a MachineError, code `connection_failed`, when it does not open. */
export async function* messagesOf(
  config: ClientConfig,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onOpen: (say: (text: string) => void) => void = () => undefined,
): AsyncGenerator<string, void, undefined> {
  const socket = openSocket(config, path, query);
  const waiting: string[] = [];
  const seen = { open: false, closed: false };
  let wake: () => void = () => undefined;
  const change = (name: keyof typeof seen): void => {
    seen[name] = true;
    wake();
  };
  const close = (): void => {
    socket.close();
    change("closed");
  };
  socket.addEventListener("open", () => {
    onOpen((text) => socket.send(text));
    change("open");
  });
  socket.addEventListener("error", () => change("closed"));
  socket.addEventListener("close", () => change("closed"));
  socket.addEventListener("message", ({ data }) => {
    waiting.push(String(data));
    // What was not read yet can be asked for again.
    if (waiting.length > MAX_WAITING) close();
    wake();
  });
  const timer = setTimeout(() => seen.open || close(), CONNECT_MS);
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    while (waiting.length > 0 || !seen.closed) {
      const message = waiting.shift();
      if (message === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else yield message;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", close);
    socket.close();
  }
  if (!seen.open && !signal.aborted)
    throw new MachineError("The connection failed", { code: "connection_failed", retryable: true });
}

function openSocket(config: ClientConfig, path: string, query: Readonly<Record<string, string>>): SocketLike {
  const { WebSocket: Socket }: { WebSocket?: unknown } = globalThis;
  if (typeof Socket !== "function") {
    throw new MachineError("This runtime has no WebSocket: streams need Node.js 22 or later", {
      code: "unsupported_runtime",
    });
  }
  const search = new URLSearchParams(query).toString();
  const url = `${config.baseUrl.replace(/^http/, "ws")}${path}${search === "" ? "" : `?${search}`}`;
  return new (Socket as SocketClass)(url, { headers: { ...config.headers, ...credentialsOf(config) } });
}
