/**
 * Uploads in parts that are under way, by VM. Their parts are staging objects, so they are forgotten together: with their VM, after a
 * day, and with the daemon. What is kept of an upload are some hundred bytes and as many for each part.
 */
import { randomBytes } from "node:crypto";
import type { FileInfo, VmId } from "@fastvm/contract";

export interface StoredPart {
  readonly objectId: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface UploadResult {
  readonly sha256: string;
  readonly file: FileInfo;
}

export interface UploadOrder {
  readonly path: string;
  readonly bytes: number;
  /** Of all parts but the last. */
  readonly partBytes: number;
  /** Of the whole, hexadecimal. */
  readonly sha256: string | undefined;
  readonly mode: number | undefined;
  readonly overwrites: boolean;
  /** Of an order under a client's key: the same again is the same upload. */
  readonly repeatKey: string | undefined;
}

export interface Upload extends UploadOrder {
  readonly id: string;
  readonly vmId: VmId;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly parts: Map<number, StoredPart>;
  isCompleting: boolean;
  /** Its parts are gone then; it is kept for whoever did not hear of it. */
  result: UploadResult | undefined;
}

/**
 * Of one VM, with those that are complete: a client that sends a tree has a few under way at once. Of those that are complete the oldest
 * gives way.
 */
export const MAX_UPLOADS_PER_VM = 64;
const ID_BYTES = 16;

export class UploadLedger {
  readonly #byVm = new Map<VmId, Map<string, Upload>>();

  /** `undefined` when there are too many that are not complete. */
  open(vmId: VmId, order: UploadOrder, now: number, lifetimeMs: number): Upload | undefined {
    this.#expire(vmId, now);
    const uploads = this.#byVm.get(vmId) ?? new Map<string, Upload>();
    const { repeatKey } = order;
    const same =
      repeatKey === undefined ? [] : [...uploads.values()].filter((it) => it.repeatKey === repeatKey);
    if (same[0] !== undefined) return same[0];
    if (uploads.size >= MAX_UPLOADS_PER_VM) {
      const done = [...uploads.values()].find(({ result }) => result !== undefined);
      if (done === undefined) return undefined;
      uploads.delete(done.id);
    }
    const id = `upl_${randomBytes(ID_BYTES).toString("hex")}`;
    const times = { createdAt: now, expiresAt: now + lifetimeMs };
    const upload = {
      ...order,
      ...times,
      id,
      vmId,
      parts: new Map(),
      isCompleting: false,
      result: undefined,
    };
    uploads.set(id, upload);
    this.#byVm.set(vmId, uploads);
    return upload;
  }

  find(vmId: VmId, id: string, now: number): Upload | undefined {
    this.#expire(vmId, now);
    return this.#byVm.get(vmId)?.get(id);
  }

  /** Oldest first. */
  list(vmId: VmId, now: number): readonly Upload[] {
    this.#expire(vmId, now);
    return [...(this.#byVm.get(vmId)?.values() ?? [])];
  }

  remove({ vmId, id }: Upload): void {
    const uploads = this.#byVm.get(vmId);
    uploads?.delete(id);
    if (uploads?.size === 0) this.#byVm.delete(vmId);
  }

  deleteOf(vmId: VmId): void {
    this.#byVm.delete(vmId);
  }

  /** One whose file is being written is left to that. */
  #expire(vmId: VmId, now: number): void {
    for (const upload of this.#byVm.get(vmId)?.values() ?? []) {
      if (upload.expiresAt <= now && !upload.isCompleting) this.remove(upload);
    }
  }
}
