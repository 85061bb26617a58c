/** API keys, each of one organisation and for one API. */
import { FastvmError, type ApiName, type Scope } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import {
  createKey,
  hashApiKey,
  MAX_KEY_LENGTH,
  recordOf,
  scopesOf,
  type KeyOrder,
  type KeyRecord,
} from "./api-keys.ts";
import { KeyRates, type KeyRate } from "./key-rates.ts";

/** A write a minute says enough of when a key was last used. */
const NOTE_USE_EVERY_MS = 60_000;

/** Whose key was presented, and what it opens. */
export interface KeyHolder extends Caller {
  readonly scopes: readonly Scope[];
  /** Absent for keys without a rate. */
  readonly rate?: KeyRate;
}

export class Keys {
  readonly #ctx: Parts<"store" | "clock" | "log">;
  readonly #rates: KeyRates;

  constructor(ctx: Parts<"store" | "clock" | "log">) {
    this.#ctx = ctx;
    this.#rates = new KeyRates(ctx.clock);
  }

  /** Who presents the key; nobody for one that is unknown, expired, or for another API. Counts as a request of it. */
  async holderOf(key: string, api: ApiName): Promise<KeyHolder | undefined> {
    if (key.length > MAX_KEY_LENGTH) return undefined;
    const { store, clock } = this.#ctx;
    const row = await store.apiKeys.findByHash(hashApiKey(key));
    const now = clock.now();
    if (row === undefined || row.api !== api || (row.expiresAt ?? Infinity) <= now) return undefined;
    if (now - (row.lastUsedAt ?? -Infinity) >= NOTE_USE_EVERY_MS) this.#noteUse(row.id, now);
    const { id: keyId, orgId, requestsPerMinute } = row;
    const holder = { orgId, keyId, scopes: scopesOf(row) };
    return requestsPerMinute === null
      ? holder
      : { ...holder, rate: this.#rates.take(keyId, requestsPerMinute) };
  }

  /** Of the caller's organisation, oldest first. */
  async list({ orgId }: Caller): Promise<readonly KeyRecord[]> {
    return (await this.#ctx.store.apiKeys.list(orgId)).map(recordOf);
  }

  /**
   * For the caller's organisation; the key is seen here once and never again. `metrics` is not an organisation's to give: it
   * shows VMs of all. Nor does a key outlive the one that made it, or else whoever had that for a day would have one for ever.
   */
  async create(caller: Caller, order: KeyOrder): Promise<KeyRecord & { readonly key: string }> {
    const { store, clock } = this.#ctx;
    if (order.scopes?.includes("metrics") === true)
      throw new FastvmError("insufficient_scope", "only whoever runs the host gives `metrics`");
    return await store.transaction(async (records) => {
      const maker = (await records.apiKeys.list(caller.orgId)).find(({ id }) => id === caller.keyId);
      if (maker === undefined) throw new FastvmError("unauthorized");
      const expiresAt = Math.min(order.expiresAt ?? Infinity, maker.expiresAt ?? Infinity);
      return await createKey(
        records,
        caller.orgId,
        { ...order, expiresAt: Number.isFinite(expiresAt) ? expiresAt : undefined },
        clock,
      );
    });
  }

  /** It opens nothing more when this resolves. */
  async revoke({ orgId }: Caller, id: string): Promise<void> {
    if (!(await this.#ctx.store.apiKeys.remove(id, orgId)))
      throw new FastvmError("not_found", undefined, { field: "key" });
  }

  /** Beside the request, which does not wait, and goes on where nothing can be written. */
  #noteUse(id: string, now: number): void {
    this.#ctx.store.apiKeys.noteUse(id, now).catch((error: unknown) => {
      this.#ctx.log.info({ err: error }, "the use of a key was not noted");
    });
  }
}
