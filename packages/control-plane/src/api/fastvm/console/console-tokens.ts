/** Tokens that open one console connection each: random, short-lived, kept as digests in this process. */
import { createHash, randomBytes } from "node:crypto";
import { CREDENTIAL_PREFIX, type VmId } from "@fastvm/contract";
import type { Clock } from "../../../clock.ts";

export const CONSOLE_TOKEN_SECONDS = 60;
const TOKEN_BYTES = 32;
/** Issued and not yet used; the oldest gives way. */
const MAX_TOKENS = 4096;

export class ConsoleTokens {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { vmId: VmId; expiresAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(vmId: VmId): string {
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size >= MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    const token = CREDENTIAL_PREFIX.consoleToken + randomBytes(TOKEN_BYTES).toString("base64url");
    const expiresAt = this.#clock.now() + CONSOLE_TOKEN_SECONDS * 1000;
    this.#tokens.set(digest(token), { vmId, expiresAt });
    return token;
  }

  /** The VM that the token opens, once; `undefined` for one that is unknown, used or too old. */
  redeem(token: string): VmId | undefined {
    const key = digest(token);
    const entry = this.#tokens.get(key);
    this.#tokens.delete(key);
    return entry !== undefined && this.#clock.now() < entry.expiresAt ? entry.vmId : undefined;
  }
}

/** Lookups by digest take the same time whatever of the token is right. */
function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
