/** One question to one upstream, by UDP or TCP. */
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { UpstreamAddress } from "./upstream-address.ts";

/** Whether a message is the answer to the question: its id, that it is an answer, and that it is to this question. */
type Accepts = (message: Buffer) => boolean;

/** Someone who sends wrong answers guesses ids; a few may be answers that came late. */
const MAX_WRONG_ANSWERS = 8;
/** More is no answer that a VM needs, and costs time to read. */
const MAX_TCP_ANSWER_BYTES = 32 * 1024;

export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
}

/**
 * A socket of its own for each question, so that its port is random too (RFC 5452); connected, so that
 * the kernel passes on only what comes from the upstream and tells at once when nobody listens there.
 */
export function exchangeUdp(
  upstream: UpstreamAddress,
  query: Buffer,
  options: { readonly accepts: Accepts; readonly timeoutMs: number },
): Promise<Buffer> {
  const { host, port } = upstream;
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(host) ? "udp6" : "udp4", lookup: asItIs });
    let wrong = 0;
    let isOpen = true;
    const timer = setTimeout(fail, options.timeoutMs, new UpstreamError(`${host} did not answer`));
    // Whatever comes first; a socket that is closed twice throws.
    function settle(): void {
      clearTimeout(timer);
      if (isOpen) socket.close();
      isOpen = false;
    }
    function fail(cause: Error): void {
      settle();
      reject(cause);
    }
    const cannotAsk = (cause: unknown): void => fail(new UpstreamError(`cannot ask ${host}`, { cause }));
    socket.on("error", cannotAsk);
    socket.on("message", (message) => {
      if (options.accepts(message)) {
        settle();
        resolve(message);
      } else if ((wrong += 1) > MAX_WRONG_ANSWERS) fail(new UpstreamError(`wrong answers from ${host}`));
    });
    // Without a route there the callback has the error, and no event tells it.
    socket.connect(port, host, (error?: Error) => {
      if (error instanceof Error) cannotAsk(error);
      else if (isOpen) socket.send(query);
    });
  });
}

export function exchangeTcp(
  upstream: UpstreamAddress,
  query: Buffer,
  options: { readonly accepts: Accepts; readonly timeoutMs: number },
): Promise<Buffer> {
  const { host, port } = upstream;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const reader = new FirstMessage();
    const timer = setTimeout(fail, options.timeoutMs, new UpstreamError(`${host} did not answer by TCP`));
    function settle(): void {
      clearTimeout(timer);
      socket.destroy();
    }
    function fail(cause: Error): void {
      settle();
      reject(cause);
    }
    socket.once("error", (cause) => fail(new UpstreamError(`cannot ask ${host} by TCP`, { cause })));
    // After the answer this rejects a promise that is settled, which does nothing.
    socket.once("close", () => fail(new UpstreamError(`${host} closed`)));
    socket.on("data", (chunk: Buffer) => {
      const message = reader.add(chunk);
      if (message === undefined) return;
      settle();
      if (message !== "too large" && options.accepts(message)) resolve(message);
      else reject(new UpstreamError(`unusable answer from ${host}`));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}

/** Puts together what comes in pieces: two bytes of length, and the message. */
class FirstMessage {
  #received: Buffer[] = [];
  #bytes = 0;
  #needed = 2;

  add(chunk: Buffer): Buffer | "too large" | undefined {
    this.#received.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return undefined;
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    const length = all.readUInt16BE(0);
    if (length > MAX_TCP_ANSWER_BYTES) return "too large";
    this.#needed = 2 + length;
    return all.length >= this.#needed ? all.subarray(2, this.#needed) : undefined;
  }
}

/** Upstreams are addresses; nothing is to be looked up. */
function asItIs(
  address: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, address, isIPv6(address) ? 6 : 4);
}
