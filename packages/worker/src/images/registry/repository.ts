/** One repository of one registry, as one of its servers has it: the registry itself or a mirror. */
import type { IncomingMessage } from "node:http";
import { FastvmError, isDigest } from "@fastvm/contract";
import { MAX_MANIFEST_BYTES } from "../image-limits.ts";
import { invalidImage } from "../invalid-image.ts";
import { MANIFEST_TYPES } from "../manifest/media-types.ts";
import { digestOf } from "../digest.ts";
import type { PartialBlob } from "../blobs/partial-blob.ts";
import type { Authorization } from "./authorization.ts";
import type { HttpSession } from "./http-session.ts";
import { reasonOf } from "./http-session.ts";
import { readBody } from "./read-body.ts";
import { RegistryFailure } from "./registry-failure.ts";
import { withRetries } from "./retry.ts";

interface FoundManifest {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** All, a part, or no such part. */
const ANSWERS: ReadonlySet<number> = new Set([200, 206, 416]);
const CONTENT_RANGE = /^bytes (?<first>\d+)-\d+\/(?:\d+|\*)$/;

export class Repository {
  readonly #session: HttpSession;
  readonly #authorization: Authorization;
  readonly #base: URL;
  readonly #name: string;

  constructor(session: HttpSession, authorization: Authorization, base: URL, name: string) {
    this.#session = session;
    this.#authorization = authorization;
    this.#base = base;
    this.#name = name;
  }

  get host(): string {
    return this.#base.host;
  }

  /** By tag or digest; what was asked for by digest has it. */
  async manifest(tagOrDigest: string): Promise<FoundManifest> {
    const { signal } = this.#session;
    const bytes = await withRetries(
      async () => {
        const answer = await this.#get(`manifests/${tagOrDigest}`, { accept: MANIFEST_TYPES.join(", ") });
        return await readBody(answer, MAX_MANIFEST_BYTES, "the manifest");
      },
      { signal },
    );
    const digest = digestOf(bytes);
    if (isDigest(tagOrDigest) && digest !== tagOrDigest) {
      throw invalidImage(`what ${this.host} has as ${tagOrDigest} is ${digest}`);
    }
    return { digest, bytes };
  }

  /** Appends what is missing, as often as it takes, until all of it is there. */
  async blob(digest: string, sizeBytes: number, partial: PartialBlob): Promise<void> {
    const { signal } = this.#session;
    await withRetries(
      async () => {
        if (partial.bytes < sizeBytes) await this.#fetch(digest, sizeBytes, partial);
        if (partial.bytes < sizeBytes) throw new RegistryFailure(`${this.host} sent a part of ${digest}`);
      },
      { signal, progress: () => partial.bytes },
    );
  }

  async #fetch(digest: string, sizeBytes: number, partial: PartialBlob): Promise<void> {
    const from = partial.bytes;
    const answer = await this.#get(`blobs/${digest}`, from === 0 ? {} : { range: `bytes=${from}-` });
    const first = firstByte(answer);
    if (first !== from) {
      await partial.restart();
      // Who does not know of ranges sends all of it.
      if (first !== 0) {
        answer.destroy();
        throw new RegistryFailure(`${this.host} sent another part of ${digest} than it was asked for`);
      }
    }
    const chunks = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    try {
      for (;;) {
        // Only what comes from the registry is its failure: our disk may be full.
        const next = await chunks.next().catch((error: unknown) => {
          throw new RegistryFailure(`${this.host} broke off: ${reasonOf(error)}`, { cause: error });
        });
        if (next.done === true) return;
        if (partial.bytes + next.value.length > sizeBytes) {
          await partial.restart();
          throw invalidImage(`${digest} has more than the ${sizeBytes} bytes that the manifest says`);
        }
        await partial.append(next.value);
      }
    } finally {
      answer.destroy();
    }
  }

  async #get(path: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const url = new URL(`/v2/${this.#name}/${path}`, this.#base);
    const ask = (): Promise<IncomingMessage> =>
      this.#session.get({ url, headers, authorization: this.#authorization.header });
    let answer = await ask();
    if (answer.statusCode === 401) {
      answer.destroy();
      await this.#authorization.meet(this.host, answer.headers["www-authenticate"], this.#name);
      answer = await ask();
    }
    if (ANSWERS.has(answer.statusCode ?? 0)) return answer;
    answer.destroy();
    throw this.#refusal(answer.statusCode ?? 0, path);
  }

  #refusal(status: number, path: string): Error {
    if (status === 401 || status === 403)
      return new FastvmError("registry_denied", `${this.host} answered ${status}`);
    if (status === 404)
      return new FastvmError("not_found", `${this.host} has no ${this.#name}, or not its ${path}`);
    return new RegistryFailure(`${this.host} answered ${status}`);
  }
}

/** 0 for an answer with all of it, -1 for one with nothing of use. */
function firstByte({ statusCode, headers }: IncomingMessage): number {
  if (statusCode === 200) return 0;
  return Number(CONTENT_RANGE.exec(headers["content-range"] ?? "")?.groups?.["first"] ?? -1);
}
