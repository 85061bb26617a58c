/** Who we are to one registry: nobody, until it asks; then the user it was given, or somebody with a token for this repository. */
import { FastvmError } from "@fastvm/contract";
import type { PullOrder } from "@fastvm/contract";
import { readChallenge } from "./challenge.ts";
import type { HttpSession } from "./http-session.ts";
import { readBody } from "./read-body.ts";
import { RegistryFailure } from "./registry-failure.ts";

/** Tokens of large registries have 3 KiB; more than this no server takes as a header. */
const MAX_TOKEN_ANSWER_BYTES = 64 * 1024;
const TOKEN = /^[\x21-\x7e]+$/;

export class Authorization {
  readonly #session: HttpSession;
  readonly #credentials: PullOrder["credentials"];
  #header: string | undefined;

  constructor(session: HttpSession, credentials: PullOrder["credentials"]) {
    this.#session = session;
    this.#credentials = credentials;
  }

  get header(): string | undefined {
    return this.#header;
  }

  /** After a 401 of that host. Rejects with `registry_denied` when there is nothing to show. */
  async meet(host: string, challengeHeader: string | undefined, repository: string): Promise<void> {
    const challenge = readChallenge(challengeHeader);
    if (challenge === undefined)
      throw new FastvmError("registry_denied", `${host} asks for a login of a kind that is not known`);
    this.#header =
      challenge.scheme === "basic"
        ? this.#basic(host)
        : await this.#token(host, challenge.parameters, repository);
  }

  #basic(host: string): string {
    if (this.#credentials === undefined)
      throw new FastvmError("registry_denied", `${host} wants a user name and a password`);
    const { username, password } = this.#credentials;
    return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }

  async #token(host: string, parameters: ReadonlyMap<string, string>, repository: string): Promise<string> {
    const url = URL.parse(parameters.get("realm") ?? "");
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new RegistryFailure(`${host} does not say where its tokens are`);
    const service = parameters.get("service");
    if (service !== undefined) url.searchParams.set("service", service);
    // Ours, whatever the registry asks for: a token that can do more is nothing to have.
    url.searchParams.set("scope", `repository:${repository}:pull`);
    const authorization = this.#credentials === undefined ? undefined : this.#basic(url.host);
    const answer = await this.#session.get({ url, authorization });
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw new FastvmError(
        "registry_denied",
        `${url.host} gives no token for ${repository} (${answer.statusCode})`,
      );
    }
    const body = await readBody(answer, MAX_TOKEN_ANSWER_BYTES, "the answer with a token");
    return `Bearer ${readToken(body, url.host)}`;
  }
}

function readToken(body: Buffer, host: string): string {
  try {
    const found = JSON.parse(body.toString()) as { token?: unknown; access_token?: unknown };
    const token = found.token ?? found.access_token;
    if (typeof token === "string" && TOKEN.test(token)) return token;
  } catch (error) {
    throw new RegistryFailure(`${host} answered without a token`, { cause: error });
  }
  throw new RegistryFailure(`${host} answered without a token`);
}
