/** A client that knows the daemon by another host than its address, as its own DNS, /etc/hosts or a proxy would have it. */
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Requests to any host go to the daemon, under the name that they were meant for. Node's own `fetch` takes no Host header. */
export function fetchAs(daemonUrl: string): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const { host, pathname, search } = new URL(input instanceof Request ? input.url : input);
    const headers = { ...Object.fromEntries(new Headers(init.headers)), host };
    const sent = request(new URL(pathname + search, daemonUrl), {
      method: init.method ?? "GET",
      headers,
      ...(init.signal ? { signal: init.signal } : {}),
    });
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    const body = init.body instanceof globalThis.ReadableStream ? Readable.fromWeb(init.body) : undefined;
    if (body === undefined) sent.end(init.body ?? undefined);
    const [[answer]] = await Promise.all([answered, body && pipeline(body, sent)]);
    return new Response(Readable.toWeb(answer) as ConstructorParameters<typeof Response>[0], {
      status: answer.statusCode ?? 0,
      headers: Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
    });
  };
}
