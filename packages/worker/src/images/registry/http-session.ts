/**
 * Requests of one pull. Each connection, also one that a redirection leads to, is to an address that is allowed; credentials go nowhere
 * but where they were meant for, and over TLS unless the operator says otherwise.
 */
import { once } from "node:events";
import { Agent as CleartextAgent, request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as requestHttps } from "node:https";
import { FastvmError } from "@fastvm/contract";
import { allowedAddresses, answerWith } from "./guarded-lookup.ts";
import type { Registries, RegistryRules } from "./registries.ts";
import { asUnreachable, isLasting, RegistryFailure } from "./registry-failure.ts";
import { readRetryAfter } from "./retry.ts";

/** Also between two pieces of an answer: a registry that is silent for so long has forgotten us. */
const SILENCE_MS = 30_000;
/** Registries lead to a store, and that to a cache in front of it. */
const MAX_REDIRECTIONS = 5;
const REDIRECTIONS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Layers side by side, and a request beside them. */
const MAX_SOCKETS = 4;
/** Refused for now, by a registry that is busy or whose store is. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

interface RegistryRequest {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Not sent on to other origins. */
  readonly authorization?: string | undefined;
}

export class HttpSession {
  readonly registries: Registries;
  readonly signal: AbortSignal;
  readonly #cleartext = new CleartextAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  readonly #tls = new TlsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });

  constructor(registries: Registries, signal: AbortSignal) {
    this.registries = registries;
    this.signal = signal;
  }

  close(): void {
    this.#cleartext.destroy();
    this.#tls.destroy();
  }

  /** Where a host is spoken to, by what the operator says of it. */
  baseOf(host: string): URL {
    return new URL(`${this.registries.of(host).isInsecure ? "http" : "https"}://${host}`);
  }

  /**
   * The answer, whatever its status but those that pass: for these it rejects with a `RegistryFailure`, as for connections that break.
   * Its body is to be read, or to be destroyed.
   */
  async get(request: RegistryRequest): Promise<IncomingMessage> {
    let { url, authorization } = request;
    const { origin } = url;
    for (let redirections = 0; redirections <= MAX_REDIRECTIONS; redirections++) {
      const answer = await this.#send(url, { ...request.headers, ...(authorization && { authorization }) });
      const { location } = answer.headers;
      if (!REDIRECTIONS.has(answer.statusCode ?? 0) || location === undefined)
        return this.#unlessPassing(answer, url);
      answer.destroy();
      url = this.#follow(url, location);
      if (url.origin !== origin) authorization = undefined;
    }
    throw new FastvmError("registry_unreachable", `${request.url.host} leads from one place to the next`);
  }

  #follow(from: URL, location: string): URL {
    const to = URL.parse(location, from.href);
    if (to === null || !/^https?:$/.test(to.protocol))
      throw new RegistryFailure(`${from.host} leads nowhere`);
    to.username = "";
    to.password = "";
    this.#refuseCleartext(to);
    return to;
  }

  #refuseCleartext(url: URL): void {
    if (url.protocol === "https:" || this.registries.of(url.host).isInsecure) return;
    throw new FastvmError(
      "registry_denied",
      `${url.host} is to be spoken to without TLS, which the operator has not allowed`,
    );
  }

  #unlessPassing(answer: IncomingMessage, { host }: URL): IncomingMessage {
    const { statusCode = 0, headers } = answer;
    if (!PASSING.has(statusCode)) return answer;
    answer.destroy();
    throw new RegistryFailure(`${host} answered ${statusCode}`, {
      retryAfterMs: readRetryAfter(headers["retry-after"], Date.now()),
    });
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    this.#refuseCleartext(url);
    const rules = this.registries.of(url.host);
    try {
      return await this.#answer(url, rules, headers);
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof FastvmError) throw error;
      const failure = new RegistryFailure(`${url.host}: ${reasonOf(error)}`, { cause: error });
      throw isLasting(error) ? asUnreachable(failure) : failure;
    }
  }

  async #answer(
    url: URL,
    { mayBeGuarded, ca }: RegistryRules,
    headers: Readonly<Record<string, string>>,
  ): Promise<IncomingMessage> {
    const addresses = await allowedAddresses(url.hostname, mayBeGuarded, this.signal);
    const options = {
      // Ours is to be the digest of what is sent.
      headers: { "accept-encoding": "identity", "user-agent": "fastvm", ...headers },
      lookup: answerWith(addresses),
      signal: this.signal,
      timeout: SILENCE_MS,
    };
    const request =
      url.protocol === "https:"
        ? requestHttps(url, { ...options, agent: this.#tls, ...(ca === undefined ? {} : { ca }) })
        : requestHttp(url, { ...options, agent: this.#cleartext });
    request.on("timeout", () => request.destroy(new Error(`nothing came for ${SILENCE_MS / 1000} s`)));
    request.end();
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    // Whoever reads it is told; nobody may.
    answer.on("error", () => undefined);
    request.on("error", () => undefined);
    return answer;
  }
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses, none of which took the connection.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error.message;
}
