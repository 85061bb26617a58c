/** The digests of all API keys, kept for a moment: the proxy compares the values of every request with them. */
import { containsCredential, type CredentialCheck } from "@fastvm/contract";
import { hashApiKey, MAX_KEY_LENGTH } from "../keys/api-keys.ts";
import type { Parts } from "../context.ts";

/** Keys may be added by another process. */
const MAX_AGE_MS = 5000;

export class KnownKeys {
  readonly #ctx: Parts<"clock" | "store">;
  #hashes: Promise<ReadonlySet<string>> | undefined;
  #until = 0;

  constructor(ctx: Parts<"clock" | "store">) {
    this.#ctx = ctx;
  }

  async check(): Promise<CredentialCheck> {
    const now = this.#ctx.clock.now();
    if (this.#hashes === undefined || now >= this.#until) {
      this.#until = now + MAX_AGE_MS;
      this.#hashes = this.#ctx.store.apiKeys.allHashes().then((hashes) => new Set(hashes));
      // Asked again by the next request: one that cannot be judged is not passed on.
      this.#hashes.catch(() => (this.#hashes = undefined));
    }
    const hashes = await this.#hashes;
    return (text) => containsCredential(text) || (isKeyLength(text) && hashes.has(hashApiKey(text)));
  }
}

function isKeyLength({ length }: string): boolean {
  return length > 0 && length <= MAX_KEY_LENGTH;
}
