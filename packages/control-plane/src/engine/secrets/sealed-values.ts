/**
 * Secrets that an organisation gave us to use for it. They are told to whoever does that work in this process and to nobody else: no
 * answer, log, guest or snapshot has them, and the database has them sealed.
 */
import { FastvmError, MAX_SEALED_VALUE_BYTES, type OrgId } from "@fastvm/contract";
import { seal, sealedWith, unseal, type SealedFor } from "../../sealing/seal.ts";
import type { Records } from "../../store/records.ts";
import type { Parts } from "../context.ts";

/** What secrets are for. One of one purpose is never opened for another. */
type SecretPurpose = "registry" | "webhook" | "traffic_token" | "ssh_ca";

/** A value that is sealed and not written yet. */
export interface SealedValue {
  /** In the transaction of the record that it belongs to. */
  write(records: Records): Promise<void>;
}

export class SealedValues {
  readonly #ctx: Parts<"sealing" | "store">;

  constructor(ctx: Parts<"sealing" | "store">) {
    this.#ctx = ctx;
  }

  /** Before its transaction, as that holds locks that others wait for. */
  async seal(orgId: OrgId, purpose: SecretPurpose, name: string, value: string): Promise<SealedValue> {
    if (Buffer.byteLength(value) > MAX_SEALED_VALUE_BYTES)
      throw new FastvmError("invalid_request", `a secret has at most ${MAX_SEALED_VALUE_BYTES} bytes`);
    const sealedFor: SealedFor = { orgId, purpose, name };
    const sealed = seal(await this.#ctx.sealing.newest(), value, sealedFor);
    return { write: (records) => records.sealedValues.put({ ...sealedFor, sealed }) };
  }

  /** Rejects with an error that is no caller's fault when the key is gone. */
  async open(orgId: OrgId, purpose: SecretPurpose, name: string): Promise<string | undefined> {
    const row = await this.#ctx.store.sealedValues.get(orgId, purpose, name);
    if (row === undefined) return undefined;
    return unseal(await this.#ctx.sealing.of(row.sealed), row.sealed, row);
  }

  /** With the newest key, whatever another one has sealed; so that the other can be thrown away. Returns how many there were. */
  async sealAnew(): Promise<number> {
    const { store, sealing } = this.#ctx;
    await sealing.removeAside();
    if (!(await sealing.isThere())) return 0;
    const newest = await sealing.newest();
    const others = await store.sealedValues.notBeginning(sealedWith(newest.id));
    for (const row of others) {
      const value = unseal(await sealing.of(row.sealed), row.sealed, row);
      await store.sealedValues.replace(row, seal(newest, value, row));
    }
    return others.length;
  }
}
