/**
 * Files of an archive, each put among the blobs under its digest; none is ever written by a name of the archive's. The tars in it, the
 * layers, are not read.
 */
import type { Readable } from "node:stream";
import { posix } from "node:path";
import { FastvmError, isDigest } from "@fastvm/contract";
import { extract } from "tar-stream";
import type { BlobStore } from "../blobs/blob-store.ts";
import { MAX_ARCHIVE_ENTRIES, MAX_IMAGE_BYTES } from "../image-limits.ts";
import { invalidImage } from "../invalid-image.ts";

interface ArchivedFile {
  readonly digest: string;
  readonly bytes: number;
}

/** By path in the archive. */
export type ArchivedFiles = ReadonlyMap<string, ArchivedFile>;

const OCI_BLOB = /^blobs\/sha256\/(?<hex>[0-9a-f]{64})$/;
/** What a gzip file begins with: people compress archives, and then the tar reader's complaint would not help them. */
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

export async function readArchive(
  blobs: BlobStore,
  archive: Readable,
  signal: AbortSignal,
): Promise<ArchivedFiles> {
  const reading = new ArchiveReading(blobs);
  const entries = extract();
  const fail = (error: unknown): void => {
    entries.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  const onAbort = (): void => fail(signal.reason);
  // Of an archive that breaks off the entry that is being read tells less than the whole.
  let ofArchive: unknown;
  entries.once("error", (error) => (ofArchive = error));
  signal.addEventListener("abort", onAbort, { once: true });
  archive.once("error", fail);
  archive.once("data", (first: Buffer) => {
    if (first.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC))
      fail(invalidImage("the archive is compressed; unpack it with gunzip first"));
  });
  archive.pipe(entries);
  try {
    for await (const entry of entries) {
      await reading.take(entry.header, entry as AsyncIterable<Buffer>);
      entry.resume();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw asOurs(isOfStream(error) ? (ofArchive ?? error) : error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    archive.unpipe(entries);
    archive.off("error", fail);
  }
  return reading.files();
}

interface EntryHeader {
  readonly name: string;
  readonly type?: string | null | undefined;
  readonly linkname?: string | null | undefined;
  readonly size?: number | undefined;
}

class ArchiveReading {
  readonly #blobs: BlobStore;
  readonly #files = new Map<string, ArchivedFile>();
  /** Old archives have a layer that comes twice by link. */
  readonly #links = new Map<string, string>();
  #entries = 0;
  #bytes = 0;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  async take({ name, type, linkname, size = 0 }: EntryHeader, content: AsyncIterable<Buffer>): Promise<void> {
    this.#entries += 1;
    this.#bytes += size;
    if (this.#entries > MAX_ARCHIVE_ENTRIES)
      throw invalidImage(`the archive has more than ${MAX_ARCHIVE_ENTRIES} files`);
    if (this.#bytes > MAX_IMAGE_BYTES)
      throw invalidImage(`the archive has more than ${MAX_IMAGE_BYTES} bytes`);
    const path = posix.normalize(name);
    if (type === "symlink") this.#links.set(path, posix.join(posix.dirname(path), linkname ?? ""));
    else if (type === "link") this.#links.set(path, posix.normalize(linkname ?? ""));
    else if (type === "file") this.#files.set(path, await this.#add(path, content));
  }

  files(): ArchivedFiles {
    const linked = [...this.#links].flatMap(([path, target]) => {
      const file = this.#files.get(target);
      return file === undefined ? [] : [[path, file] as const];
    });
    return new Map([...this.#files, ...linked]);
  }

  async #add(path: string, content: AsyncIterable<Buffer>): Promise<ArchivedFile> {
    const said = `sha256:${OCI_BLOB.exec(path)?.groups?.["hex"] ?? ""}`;
    const added = await this.#blobs.add(content);
    if (isDigest(said) && added.digest !== said)
      throw invalidImage(`what the archive has as ${said} is ${added.digest}`);
    return added;
  }
}

/** Ours and the system's say what they are; the tar reader's are of the archive. */
function asOurs(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FastvmError || "syscall" in error) return error;
  // A sender that went away: nothing is wrong with what it sent.
  if ("code" in error && error.code === "ECONNRESET") return error;
  return invalidImage(`the archive is no tar: ${error.message}`, error);
}

function isOfStream(error: unknown): boolean {
  return !(error instanceof FastvmError) && !(error instanceof Error && "syscall" in error);
}
