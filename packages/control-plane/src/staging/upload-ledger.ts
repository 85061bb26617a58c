/**
 * Uploads in parts that are under way, by VM. Their parts are staging objects, so they are forgotten together: with their VM and after a
 * day. What is kept of an upload are some hundred bytes and as many for each part.
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
  expiresAt: number;
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
    const current = this.#current(vmId, now);
    const { repeatKey } = order;
    const same = current.find((it) => repeatKey !== undefined && it.repeatKey === repeatKey);
    if (same !== undefined) return same;
    if (current.length >= MAX_UPLOADS_PER_VM) {
      const done = current.find(({ result }) => result !== undefined);
      if (done === undefined) return undefined;
      // Its record goes with the hour's others, as it is over.
      done.expiresAt = now;
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
    this.adopt(upload);
    return upload;
  }

  find(vmId: VmId, id: string, now: number): Upload | undefined {
    return this.#current(vmId, now).find((upload) => upload.id === id);
  }

  /** Oldest first. */
  list(vmId: VmId, now: number): readonly Upload[] {
    return this.#current(vmId, now);
  }

  /** Of a daemon before this one. */
  adopt(upload: Upload): void {
    const uploads = this.#byVm.get(upload.vmId) ?? new Map<string, Upload>();
    this.#byVm.set(upload.vmId, uploads.set(upload.id, upload));
  }

  /** Of all VMs. */
  all(): readonly Upload[] {
    return [...this.#byVm.values()].flatMap((uploads) => [...uploads.values()]);
  }

  remove({ vmId, id }: Upload): void {
    const uploads = this.#byVm.get(vmId);
    uploads?.delete(id);
    if (uploads?.size === 0) this.#byVm.delete(vmId);
  }

  /** Those that are forgotten so. */
  deleteOf(vmId: VmId): readonly Upload[] {
    const uploads = [...(this.#byVm.get(vmId)?.values() ?? [])];
    this.#byVm.delete(vmId);
    return uploads;
  }

  /** Forgets those whose time is over, and returns them. One whose file is being written is left to that. */
  expire(now: number): readonly Upload[] {
    const over = this.all().filter((upload) => isOver(upload, now));
    for (const upload of over) this.remove(upload);
    return over;
  }

  #current(vmId: VmId, now: number): Upload[] {
    return [...(this.#byVm.get(vmId)?.values() ?? [])].filter((upload) => !isOver(upload, now));
  }
}

function isOver({ expiresAt, isCompleting }: Upload, now: number): boolean {
  return expiresAt <= now && !isCompleting;
}
