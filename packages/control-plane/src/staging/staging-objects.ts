/**
 * What is on its way between a client and a VM: files on disk, one folder per VM, gone after a day, with their VM, or when the daemon starts anew. An object
 * is there whole or not at all; a reader that comes while it is being written waits for it.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FastvmError, type VmId } from "@fastvm/contract";

export interface StagedObject {
  readonly bytes: number;
  /** Starts reading when it is iterated. */
  open(): Readable;
}

export class StagingObjects {
  readonly #folder: string;
  readonly #writing = new Map<string, Promise<void>>();
  #parts = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Forgets all of an earlier run: nobody holds a URL to it any more. */
  async open(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Rejects with `body_too_large` beyond `maxBytes`, with the source's error when it ends early; nothing is kept then. */
  async write(vmId: VmId, objectId: string, maxBytes: number, source: Readable): Promise<void> {
    const path = this.#path(vmId, objectId);
    const writing = this.#writeAside(vmId, path, maxBytes, source);
    this.#writing.set(path, writing);
    try {
      await writing;
    } finally {
      if (this.#writing.get(path) === writing) this.#writing.delete(path);
    }
  }

  /** Waits for a write that is under way, until the signal. Rejects with `not_found` when there is none and no object. */
  async read(vmId: VmId, objectId: string, signal?: AbortSignal): Promise<StagedObject> {
    const path = this.#path(vmId, objectId);
    await settledOrAborted(this.#writing.get(path), signal);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new FastvmError("not_found", "nothing was uploaded to this URL");
    return { bytes: found.size, open: () => createReadStream(path) };
  }

  async deleteOf(vmId: VmId): Promise<void> {
    await rm(join(this.#folder, vmId), { recursive: true, force: true });
  }

  /** Removes what was written before `time`, in ms since 1970. */
  async expire(time: number): Promise<void> {
    for (const vmId of await readdir(this.#folder)) {
      for (const name of await readdir(join(this.#folder, vmId)).catch(() => [])) {
        const path = join(this.#folder, vmId, name);
        const found = await stat(path).catch(() => undefined);
        if (found !== undefined && found.mtimeMs < time) await rm(path, { force: true });
      }
    }
  }

  #path(vmId: VmId, objectId: string): string {
    return join(this.#folder, vmId, objectId);
  }

  async #writeAside(vmId: VmId, path: string, maxBytes: number, source: Readable): Promise<void> {
    await mkdir(join(this.#folder, vmId), { recursive: true, mode: 0o700 });
    const part = `${path}.part-${this.#parts++}`;
    try {
      await pipeline(source, (chunks) => limited(chunks, maxBytes), createWriteStream(part, { mode: 0o600 }));
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }
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

async function* limited(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new FastvmError("body_too_large", `at most ${maxBytes} bytes fit the VM's disk`);
    yield chunk;
  }
}
