/**
 * What is on its way between a client and a VM: files on disk, one folder per VM, gone after a day,
 * with their VM, when others need the room and they were read, or when the daemon starts anew, but for parts of uploads. An
 * object is there whole or not at all; a reader that comes while it is being written waits for it.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FastvmError, type OrgId } from "@fastvm/contract";
import { freeBytesOf } from "./free-bytes.ts";
import type { StagingHolder } from "./staging-holder.ts";
import { asFastvmError } from "../store/as-fastvm-error.ts";
import type { StagingLimits } from "./staging-limits.ts";
import { StagingLedger, type Claim } from "./staging-ledger.ts";
import { UPLOADS_FOLDER } from "./upload-records.ts";

interface StagedObject {
  readonly bytes: number;
  /** Starts reading when it is iterated. */
  open(): Readable;
}

export interface TakenObject {
  readonly path: string;
  readonly bytes: number;
  /** Removes it. */
  release(): Promise<void>;
}

export interface StagingObjectsOptions {
  readonly folder: string;
  readonly limits: StagingLimits;
  /** `undefined` when the VM is gone, or about to go. */
  readonly ownerOf: (holder: StagingHolder) => Promise<OrgId | undefined>;
  /** Default: as the filesystem says. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** A part of an upload, as its record has it. */
export interface KeptObject {
  readonly holder: StagingHolder;
  readonly objectId: string;
  readonly bytes: number;
}

interface Upload {
  readonly holder: StagingHolder;
  readonly objectId: string;
  /** The size of the VM's disk. */
  readonly maxBytes: number;
  /** Of a body whose length is known. */
  readonly bytes?: number | undefined;
}

/**
 * At most so much is claimed ahead of what has come, and no more than has come already: asking the filesystem for each chunk would be slow.
 */
const MAX_AHEAD_BYTES = 16 * 1024 * 1024;
/** Failed uploads whose reason is kept for whoever waits for the object; each is an id and a sentence. */
const MAX_KEPT_FAILURES = 1000;

export class StagingObjects {
  readonly #options: StagingObjectsOptions;
  readonly #ledger: StagingLedger;
  readonly #writing = new Set<Writing>();
  readonly #failures = new Map<string, FastvmError>();
  /** One claim at a time: two must not be promised the same room. */
  #claiming: Promise<unknown> = Promise.resolve();
  #parts = 0;

  constructor(options: StagingObjectsOptions) {
    this.#options = options;
    this.#ledger = new StagingLedger(options.limits.bytesPerOrg);
  }

  /** Forgets all of an earlier run but these: nobody holds a URL to it any more. Returns which of them are there. */
  async open(kept: readonly KeptObject[] = []): Promise<readonly KeptObject[]> {
    const { folder, ownerOf } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await this.sweep(kept);
    const found: KeptObject[] = [];
    for (const object of kept) {
      const path = this.#path(object.holder, object.objectId);
      const size = await sizeOf(path);
      const orgId = await ownerOf(object.holder);
      if (size !== object.bytes || orgId === undefined) continue;
      this.#ledger.adopt({ holder: object.holder, orgId, path, bytes: size });
      found.push(object);
    }
    return found;
  }

  /** Removes all files but these. The folder is emptied rather than made anew: on a full disk somebody else could take its block. */
  async sweep(kept: readonly KeptObject[]): Promise<void> {
    const { folder } = this.#options;
    const paths = new Set(kept.map(({ holder, objectId }) => this.#path(holder, objectId)));
    const holders = new Set<string>(kept.map(({ holder }) => holder));
    for (const name of (await readdir(folder)).filter((it) => it !== UPLOADS_FOLDER)) {
      const within = holders.has(name) ? await readdir(join(folder, name)) : [];
      const found = holders.has(name) ? within.map((it) => join(folder, name, it)) : [join(folder, name)];
      for (const path of found.filter((it) => !paths.has(it)))
        await rm(path, { recursive: true, force: true });
    }
  }

  async remove(): Promise<void> {
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  /**
   * `onAdmitted` is called before the first byte is read. Rejects with `body_too_large` beyond
   * `maxBytes`, with `quota_exceeded` and `out_of_disk` when there is no room, with `not_found`
   * when the VM goes, with the source's error when that ends early; nothing is kept then.
   */
  async write(upload: Upload, source: Readable, onAdmitted = (): void => undefined): Promise<void> {
    const path = this.#path(upload.holder, upload.objectId);
    const stop = new AbortController();
    // Before anything is waited for: a delete of the VM that begins meanwhile finds it.
    const done = this.#admit(upload, path, source, stop, onAdmitted);
    const writing = { holder: upload.holder, path, stop, done };
    this.#writing.add(writing);
    this.#failures.delete(path);
    try {
      await done;
    } catch (error) {
      const reason: unknown = stop.signal.aborted ? stop.signal.reason : error;
      this.#keepFailure(path, reason);
      throw reason;
    } finally {
      this.#writing.delete(writing);
    }
  }

  /** Waits for a write that is under way, until the signal. Rejects with its failure, or with `not_found` when there is no object. */
  async read(holder: StagingHolder, objectId: string, signal?: AbortSignal): Promise<StagedObject> {
    const path = this.#path(holder, objectId);
    const latest = [...this.#writing].findLast((writing) => writing.path === path);
    await settledOrAborted(latest?.done, signal);
    const failure = this.#failures.get(path);
    if (failure !== undefined) throw failure;
    const found = await stat(path).catch(() => undefined);
    const file = this.#ledger.get(path);
    if (found === undefined || file === undefined) {
      throw new FastvmError("not_found", "nothing was uploaded to this URL");
    }
    file.wasRead = false;
    return {
      bytes: found.size,
      open: () => createReadStream(path).once("end", () => (file.wasRead = true)),
    };
  }

  /** Whether there is such an object, or will be when its upload has ended. */
  isThere(holder: StagingHolder, objectId: string): boolean {
    const path = this.#path(holder, objectId);
    return this.#ledger.get(path) !== undefined || [...this.#writing].some((it) => it.path === path);
  }

  /** Waits as `read` does. From then on it is the caller's alone, and nobody finds it under its name any more. */
  async take(holder: StagingHolder, objectId: string, signal?: AbortSignal): Promise<TakenObject> {
    const { bytes } = await this.read(holder, objectId, signal);
    const path = this.#path(holder, objectId);
    const own = `${path}.taken-${this.#parts++}`;
    try {
      await rename(path, own);
    } catch (error) {
      throw new FastvmError("not_found", "somebody else was quicker to use it", { cause: error });
    }
    this.#ledger.take(path, own);
    return { path: own, bytes, release: () => this.#discard(own) };
  }

  /** Uploads that are under way end with `not_found`. */
  async deleteOf(holder: StagingHolder): Promise<void> {
    const writing = [...this.#writing].filter((it) => it.holder === holder);
    for (const { stop } of writing) stop.abort(gone());
    await Promise.allSettled(writing.map(({ done }) => done));
    for (const { path } of this.#ledger.filesOf(holder)) this.#ledger.forget(path);
    const folder = join(this.#options.folder, holder);
    for (const path of this.#failures.keys()) if (path.startsWith(`${folder}/`)) this.#failures.delete(path);
    await rm(folder, { recursive: true, force: true });
  }

  /** Removes what was written before `time`, in ms since 1970. */
  async expire(time: number): Promise<void> {
    for (const { path } of this.#ledger.finishedBefore(time)) await this.#discard(path);
  }

  #path(holder: StagingHolder, objectId: string): string {
    return join(this.#options.folder, holder, objectId);
  }

  async #admit(
    upload: Upload,
    path: string,
    source: Readable,
    stop: AbortController,
    onAdmitted: () => void,
  ): Promise<void> {
    const { holder, maxBytes } = upload;
    const orgId = await this.#options.ownerOf(holder);
    if (orgId === undefined) throw gone();
    const claim: Claim = {
      holder,
      orgId,
      path,
      vmLimitBytes: maxBytes,
      bytes: 0,
      diskBytes: 0,
      writtenBytes: 0,
    };
    this.#ledger.open(claim);
    try {
      const announced = upload.bytes ?? 0;
      await this.#oneByOne(async () => {
        await this.#claimShare(claim, announced);
        await this.#leaveFree(announced);
      });
      stop.signal.throwIfAborted();
      onAdmitted();
      await this.#writeAside(claim, source, stop.signal);
    } finally {
      this.#ledger.close(claim);
    }
  }

  async #writeAside(claim: Claim, source: Readable, signal: AbortSignal): Promise<void> {
    const { path } = claim;
    await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
    const part = `${path}.part-${this.#parts++}`;
    try {
      const metered = (chunks: AsyncIterable<Buffer>) => this.#metered(chunks, claim);
      // By itself: a pipeline may fail while its stream is still to make the file, which would be there after it was removed.
      const file = await open(part, "w", 0o600);
      await pipeline(source, metered, file.createWriteStream(), { signal });
      await rename(part, path);
      this.#ledger.finish(claim);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async *#metered(chunks: AsyncIterable<Buffer>, claim: Claim): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      const bytes = claim.writtenBytes + chunk.length;
      if (bytes > claim.vmLimitBytes) {
        throw new FastvmError("body_too_large", `at most ${claim.vmLimitBytes} bytes are taken here`);
      }
      if (bytes > claim.bytes || bytes > claim.diskBytes) {
        await this.#oneByOne(() => this.#claimAhead(claim, bytes));
      }
      claim.writtenBytes = bytes;
      yield chunk;
    }
  }

  async #oneByOne(claim: () => Promise<void>): Promise<void> {
    const claimed = this.#claiming.then(claim);
    this.#claiming = claimed.catch(() => undefined);
    await claimed;
  }

  async #claimAhead(claim: Claim, bytes: number): Promise<void> {
    const ahead = Math.min(claim.writtenBytes, MAX_AHEAD_BYTES);
    const missing = bytes - claim.bytes;
    if (missing > 0) {
      // Nothing has to go for what may never come.
      await this.#claimShare(claim, this.#ledger.fits(claim, missing + ahead) ? missing + ahead : missing);
    }
    const wanted = Math.min(bytes + ahead, claim.bytes) - claim.diskBytes;
    await this.#leaveFree(wanted);
    claim.diskBytes += wanted;
  }

  async #claimShare(claim: Claim, bytes: number): Promise<void> {
    for (let file = this.#ledger.inTheWayOf(claim, bytes); file !== undefined;) {
      await this.#discard(file.path);
      file = this.#ledger.inTheWayOf(claim, bytes);
    }
    this.#ledger.grow(claim, bytes);
  }

  async #leaveFree(bytes: number): Promise<void> {
    while (!(await this.#leavesFree(bytes))) {
      const file = this.#ledger.oldestRead();
      if (file === undefined) throw new FastvmError("out_of_disk", "uploads are to leave it room for VMs");
      await this.#discard(file.path);
    }
  }

  async #leavesFree(bytes: number): Promise<boolean> {
    const { folder, limits, freeBytes = freeBytesOf } = this.#options;
    const free = (await freeBytes(folder)) - this.#ledger.outstandingBytes();
    return free - bytes >= limits.freeBytesFloor;
  }

  async #discard(path: string): Promise<void> {
    this.#ledger.forget(path);
    await rm(path, { force: true });
  }

  /** Of a connection that broke there is nothing to tell. */
  #keepFailure(path: string, error: unknown): void {
    const known = asFastvmError(error);
    if (known.code === "internal") return;
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size < MAX_KEPT_FAILURES) break;
      this.#failures.delete(oldest);
    }
    this.#failures.set(path, known);
  }
}

interface Writing {
  readonly holder: StagingHolder;
  readonly path: string;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

function gone(): FastvmError {
  return new FastvmError("not_found", "the VM of this URL is gone");
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

/** Rejects with the signal's reason; however the promise ends is fine. */
async function settledOrAborted(promise: Promise<void> | undefined, signal?: AbortSignal): Promise<void> {
  if (promise === undefined) return;
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise.catch(() => undefined), aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
