/** Tokens that open one console connection each: random, short-lived, kept as digests where every control plane sees them. */
import { createHash, randomBytes } from "node:crypto";
import { CREDENTIAL_PREFIX, type VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";

export const CONSOLE_TOKEN_SECONDS = 60;
const TOKEN_BYTES = 32;
/** Of one VM, issued and not yet used; the oldest gives way. */
const MAX_TOKENS_PER_VM = 64;
const FORM = new RegExp(`^${CREDENTIAL_PREFIX.consoleToken}[A-Za-z0-9_-]{43}$`);

export class ConsoleTokens {
  readonly #ctx: Parts<"clock" | "store">;

  constructor(ctx: Parts<"clock" | "store">) {
    this.#ctx = ctx;
  }

  async issue(vmId: VmId): Promise<string> {
    const token = CREDENTIAL_PREFIX.consoleToken + randomBytes(TOKEN_BYTES).toString("base64url");
    const now = this.#ctx.clock.now();
    await this.#ctx.store.transaction(async ({ consoleTokens }) => {
      await consoleTokens.removeExpired(now);
      await consoleTokens.add({
        digest: digestOf(token),
        vmId,
        expiresAt: now + CONSOLE_TOKEN_SECONDS * 1000,
      });
      await consoleTokens.keepNewest(vmId, MAX_TOKENS_PER_VM);
    }, "process");
    return token;
  }

  /** The VM that the token opens, once; `undefined` for one that is unknown, used or too old. */
  async redeem(token: string): Promise<VmId | undefined> {
    // Strangers may send anything: what cannot be one costs the database nothing.
    if (!FORM.test(token)) return undefined;
    const { store, clock } = this.#ctx;
    const entry = await store.transaction(
      ({ consoleTokens }) => consoleTokens.take(digestOf(token)),
      "process",
    );
    return entry !== undefined && clock.now() < entry.expiresAt ? entry.vmId : undefined;
  }
}

/** Lookups by digest take the same time whatever of the token is right. */
function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
