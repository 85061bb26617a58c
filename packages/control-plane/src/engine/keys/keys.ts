/** API keys, each of one organisation and for one API. */
import type { ApiName } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { hashApiKey, MAX_KEY_LENGTH } from "./api-keys.ts";

export class Keys {
  readonly #ctx: Parts<"store">;

  constructor(ctx: Parts<"store">) {
    this.#ctx = ctx;
  }

  /** Who presents the key; nobody for one that is unknown, or for another API. */
  async callerOf(key: string, api: ApiName): Promise<Caller | undefined> {
    if (key.length > MAX_KEY_LENGTH) return undefined;
    const row = await this.#ctx.store.apiKeys.findByHash(hashApiKey(key));
    return row?.api === api ? { orgId: row.orgId, keyId: row.id } : undefined;
  }
}
