/**
 * Uploads in parts: what came is kept beside staging's other objects, of the VM's share and its organisation's, until all of it is written
 * into the VM at once. For whoever was let to the VM.
 */
import { Readable } from "node:stream";
import { FastvmError, MAX_PART_BYTES, MAX_UPLOAD_PARTS, DEFAULT_PART_BYTES } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";
import { STAGING_LIFETIME_SEC } from "../../staging/staging.ts";
import {
  MAX_UPLOADS_PER_VM,
  type StoredPart,
  type Upload,
  type UploadOrder,
  type UploadResult,
} from "../../staging/upload-ledger.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { checkedFilePath } from "../files/guest-files.ts";
import { vmDiskBytes } from "../files/vm-disk-bytes.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { CheckedBytes } from "./checked-bytes.ts";
import { writeUpload } from "./write-upload.ts";

type NewUpload = Omit<UploadOrder, "partBytes" | "repeatKey"> & {
  readonly partBytes: number | undefined;
};

interface PartOrder {
  /** From 1 on. */
  readonly number: number;
  readonly sha256: string | undefined;
  readonly content: AsyncIterable<Uint8Array>;
}

interface CompletionOrder {
  readonly vmId: VmId;
  readonly id: string;
  /** Of the whole; default: as it was announced. */
  readonly sha256: string | undefined;
  readonly key: OrderKey | undefined;
}

interface Signalled {
  readonly signal: AbortSignal;
}

const MIB = 1024 * 1024;
/** Of parts that are missing, how many an error names. */
const MAX_NAMED = 10;

export class Uploads {
  readonly #ctx: Parts<"clock" | "config" | "staging" | "store" | "worker">;

  constructor(ctx: Parts<"clock" | "config" | "staging" | "store" | "worker">) {
    this.#ctx = ctx;
  }

  /** Of a VM in whatever state. Rejects with `quota_exceeded` for what could never be on its way at once. */
  async create(caller: Caller, vm: VmRecord, order: NewUpload, key?: OrderKey): Promise<Upload> {
    const { clock, config, staging } = this.#ctx;
    checkedFilePath(order.path);
    const most = Math.min(vmDiskBytes(vm), config.staging.bytesPerOrg);
    if (order.bytes > most) throw tooMuch(`at most ${most} bytes are taken for this VM`);
    const partBytes = order.partBytes ?? defaultPartBytes(order.bytes);
    if (order.bytes > partBytes * MAX_UPLOAD_PARTS) {
      throw new FastvmError("invalid_request", `that would be more than ${MAX_UPLOAD_PARTS} parts`, {
        field: "part_size",
      });
    }
    const lifetimeMs = STAGING_LIFETIME_SEC * 1000;
    const repeatKey = key === undefined ? undefined : `${key.digest} ${key.key}`;
    const whole = { ...order, partBytes, repeatKey };
    const upload = staging.uploads.open(vm.id, whole, clock.now(), lifetimeMs);
    if (upload === undefined) throw tooMuch(`${MAX_UPLOADS_PER_VM} uploads are under way for this VM`);
    try {
      await this.#take(caller, upload, key);
      await staging.uploadRecords.write(upload);
    } catch (error) {
      await this.#forget(upload);
      throw error;
    }
    return upload;
  }

  get(vmId: VmId, id: string): Upload {
    const upload = this.#ctx.staging.uploads.find(vmId, id, this.#ctx.clock.now());
    if (upload === undefined) {
      throw new FastvmError("not_found", "this machine has no such upload under way", { field: "upload" });
    }
    this.#dropLost(upload);
    return upload;
  }

  /** Oldest first. */
  list(vmId: VmId): readonly Upload[] {
    const uploads = this.#ctx.staging.uploads.list(vmId, this.#ctx.clock.now());
    for (const upload of uploads) this.#dropLost(upload);
    return uploads;
  }

  /** Whole or not at all, in place of one of that number. */
  async putPart(vm: VmRecord, id: string, { number, sha256, content }: PartOrder): Promise<StoredPart> {
    const { objects, uploadRecords, urls } = this.#ctx.staging;
    const upload = this.#open(vm.id, id);
    const bytes = partBytesOf(upload, number);
    const objectId = urls.newObjectId();
    const checked = new CheckedBytes(content, { bytes, sha256, what: `part ${number}` });
    try {
      const about = { holder: vm.id, objectId, maxBytes: vmDiskBytes(vm), bytes };
      await objects.write(about, Readable.from(checked, { objectMode: false }));
    } catch (error) {
      if (error instanceof FastvmError && error.code === "quota_exceeded") throw tooMuch(error.detail);
      throw error;
    }
    const part: StoredPart = { objectId, bytes, sha256: checked.sha256 };
    // It may have been completed or ended while this came.
    if (this.#isOpen(upload)) {
      const replaced = upload.parts.get(number);
      upload.parts.set(number, part);
      await uploadRecords.write(upload);
      if (replaced !== undefined) await this.#discard(vm.id, [replaced]);
      return part;
    }
    await this.#discard(vm.id, [part]);
    throw conflict("it was completed or ended meanwhile");
  }

  /** Again and again the same, once it succeeded. What failed can be tried again with what came. */
  async complete(
    caller: Caller,
    { vmId, id, sha256, key }: CompletionOrder,
    options: Signalled,
  ): Promise<UploadResult> {
    await this.#take(caller, this.get(vmId, id), key);
    const done = this.get(vmId, id).result;
    if (done !== undefined) return done;
    const upload = this.#open(vmId, id);
    refuseMissing(upload);
    upload.isCompleting = true;
    try {
      upload.result = await writeUpload(this.#ctx, upload, sha256 ?? upload.sha256, options);
    } finally {
      upload.isCompleting = false;
    }
    await this.#ctx.staging.uploadRecords.write(upload);
    await this.#forgetParts(upload);
    return upload.result;
  }

  async abort(vmId: VmId, id: string): Promise<void> {
    const upload = this.get(vmId, id);
    if (upload.isCompleting) throw conflict("it is being completed");
    await this.#forget(upload);
    await this.#forgetParts(upload);
  }

  async #forget(upload: Upload): Promise<void> {
    this.#ctx.staging.uploads.remove(upload);
    await this.#ctx.staging.uploadRecords.remove(upload.id);
  }

  /** With an answer to keep for it, once there is one. An upload that is gone is another one under the same key. */
  async #take(caller: Caller, { vmId, id }: Upload, key: OrderKey | undefined): Promise<void> {
    if (key === undefined) return;
    const { clock, staging, store } = this.#ctx;
    const now = clock.now();
    const isThere = async (subject: string) => staging.uploads.find(vmId, subject, now) !== undefined;
    await store.transaction((records) => takeOrderKey(records, caller, key, id, now, isThere));
  }

  #open(vmId: VmId, id: string): Upload {
    const upload = this.get(vmId, id);
    if (upload.result !== undefined) throw conflict("it is complete");
    if (upload.isCompleting) throw conflict("it is being completed");
    return upload;
  }

  #isOpen(upload: Upload): boolean {
    const found = this.#ctx.staging.uploads.find(upload.vmId, upload.id, this.#ctx.clock.now());
    return found === upload && !upload.isCompleting && upload.result === undefined;
  }

  /** Parts that had to make way for others', after a completion that failed. */
  #dropLost({ vmId, parts, isCompleting }: Upload): void {
    if (isCompleting) return;
    for (const [number, { objectId }] of parts) {
      if (!this.#ctx.staging.objects.isThere(vmId, objectId)) parts.delete(number);
    }
  }

  async #forgetParts(upload: Upload): Promise<void> {
    const parts = [...upload.parts.values()];
    upload.parts.clear();
    await this.#discard(upload.vmId, parts);
  }

  async #discard(vmId: VmId, parts: readonly StoredPart[]): Promise<void> {
    for (const { objectId } of parts) {
      try {
        const taken = await this.#ctx.staging.objects.take(vmId, objectId);
        await taken.release();
      } catch (error) {
        // Gone with its VM, or for want of room.
        if (!(error instanceof FastvmError) || error.code !== "not_found") throw error;
      }
    }
  }
}

export function partCountOf({ bytes, partBytes }: Pick<UploadOrder, "bytes" | "partBytes">): number {
  return Math.ceil(bytes / partBytes);
}

/** Whole MiB, and no more parts than there may be. */
function defaultPartBytes(bytes: number): number {
  const least = Math.ceil(bytes / MAX_UPLOAD_PARTS / MIB) * MIB;
  return Math.min(Math.max(DEFAULT_PART_BYTES, least), MAX_PART_BYTES);
}

function partBytesOf(upload: Upload, number: number): number {
  const count = partCountOf(upload);
  if (!Number.isInteger(number) || number < 1 || number > count) {
    throw new FastvmError("invalid_request", `this upload has the parts 1 to ${count}`, { field: "part" });
  }
  return number < count ? upload.partBytes : upload.bytes - (count - 1) * upload.partBytes;
}

function refuseMissing(upload: Upload): void {
  const missing: number[] = [];
  for (let number = 1; number <= partCountOf(upload); number++) {
    if (!upload.parts.has(number)) missing.push(number);
  }
  if (missing.length === 0) return;
  const rest = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : "";
  throw conflict(`these parts did not come: ${missing.slice(0, MAX_NAMED).join(", ")}${rest}`);
}

function conflict(detail: string): FastvmError {
  return new FastvmError("conflict", detail, { field: "upload" });
}

function tooMuch(detail: string | undefined): FastvmError {
  return new FastvmError("quota_exceeded", detail, { field: "upload" });
}
