/**
 * What images are made of, by digest, in a folder that all daemons of the machine share:
 *
 *   <64 hexadecimal digits>                           whole, and checked
 *   <digits>-<source>.<owner>.<uuid>.partial          on its way; of an owner that is gone, whoever has it of that source goes on with it
 *   <digits>.<owner>.<uuid>.removing                  looked at a last time before it goes
 *
 * What is in a blob nobody here looks at.
 */
import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { makeClosedFolder } from "../../files/closed-folder.ts";
import { isErrno } from "../../files/errno.ts";
import { isOwnerAlive, ownerName } from "../../processes/owner-name.ts";
import { digestFromHex, digestOf, hexOf } from "../digest.ts";
import { invalidImage } from "../invalid-image.ts";
import { PartialBlob } from "./partial-blob.ts";

const WHOLE = /^[0-9a-f]{64}$/;
const ASIDE =
  /^(?<subject>[0-9a-f]{64}(?:-[0-9a-f]{16})?|new)\.(?<owner>[\d-]+)\.[0-9a-f-]{36}\.(?<kind>partial|removing)$/;
/** Of what is not known by a digest yet. */
const UNNAMED = "new";
/** Enough for two sources never to be taken for one. */
const SOURCE_TAG_CHARS = 16;
/** A pull that broke off is repeated within the day, or not at all. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;
const GIB = 1024 ** 3;
/** As uploads leave, for VMs that write and for the host. */
const FREE_BYTES_FLOOR = GIB;
/** Of what broke off, in all: a large layer or some. A registry that breaks off at whatever it sends would otherwise fill the disk. */
const MAX_LEFT_BYTES = 8 * GIB;

export interface BlobLimits {
  /** Of the disk, which no blob is to take. */
  readonly freeBytesFloor?: number;
  readonly maxLeftBytes?: number;
}

interface Aside {
  readonly name: string;
  readonly subject: string;
  readonly owner: string;
  readonly kind: string;
}

interface WantedBlob {
  /** Where it comes from. */
  readonly source: string;
  /** Whether whoever asks may have what is here under that digest without bringing it. */
  readonly mayHave: () => boolean;
  readonly fill: (partial: PartialBlob) => Promise<void>;
}

export class BlobStore {
  readonly #folder: string;
  readonly #freeBytesFloor: number;
  readonly #maxLeftBytes: number;
  /** Names of ours that are being written. */
  readonly #writing = new Set<string>();
  /** By digest, the last that wants to bring it. */
  readonly #bringing = new Map<string, Promise<void>>();

  constructor(
    folder: string,
    { freeBytesFloor = FREE_BYTES_FLOOR, maxLeftBytes = MAX_LEFT_BYTES }: BlobLimits = {},
  ) {
    this.#folder = folder;
    this.#freeBytesFloor = freeBytesFloor;
    this.#maxLeftBytes = maxLeftBytes;
  }

  async prepare(): Promise<void> {
    await makeClosedFolder(this.#folder);
  }

  pathOf(digest: string): string {
    return join(this.#folder, hexOf(digest));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.sizeOf(digest)) !== undefined;
  }

  async sizeOf(digest: string): Promise<number | undefined> {
    return (await stat(this.pathOf(digest)).catch(() => undefined))?.size;
  }

  /**
   * `fill` brings what is missing; one at a time for each digest, so that who comes second finds it done, if it may have what is here.
   * What was filled and is not what the digest says is gone.
   */
  async obtain(digest: string, wanted: WantedBlob): Promise<void> {
    const before = this.#bringing.get(digest) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.#bring(digest, wanted));
    this.#bringing.set(digest, mine);
    try {
      await mine;
    } finally {
      if (this.#bringing.get(digest) === mine) this.#bringing.delete(digest);
    }
  }

  async #bring(digest: string, { source, mayHave, fill }: WantedBlob): Promise<void> {
    if (mayHave() && (await this.has(digest))) return;
    // What came of another source in part is no proof that this one has it.
    await this.#write(await this.#takeOver(`${hexOf(digest)}-${tagOf(source)}`), async (partial) => {
      await fill(partial);
      return digest;
    });
  }

  /** Of something that has no digest yet, such as a file in an archive. */
  async add(
    content: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly digest: string; readonly bytes: number }> {
    return await this.#write(await this.#newName(UNNAMED), async (partial) => {
      try {
        for await (const chunk of content) await partial.append(chunk);
      } catch (error) {
        // Nobody would know what it is.
        await partial.restart();
        throw error;
      }
      return partial.digest;
    });
  }

  /** Takes away what `isWanted` does not know, if `mayGo` still says so when it is out of the way. */
  async collect(
    isWanted: (digest: string) => boolean,
    mayGo: (digest: string) => Promise<boolean>,
  ): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const aside = readAside(name);
      if (aside !== undefined) await this.#collectAside(aside);
      else if (WHOLE.test(name) && !isWanted(digestFromHex(name))) await this.#remove(name, mayGo);
    }
  }

  /** What nobody can go on with goes, and the oldest of what broke off until the rest is within its bound, whoever brings something now. */
  async collectLeft(): Promise<void> {
    const left: { readonly path: string; readonly mtimeMs: number; readonly size: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const aside = readAside(name);
      if (aside?.kind !== "partial" || !(await this.#isFree(aside))) continue;
      const path = join(this.#folder, name);
      if (aside.subject === UNNAMED) {
        if ((await isOwnerAlive(aside.owner)) === false) await rm(path, { force: true });
        continue;
      }
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) left.push({ path, mtimeMs: found.mtimeMs, size: found.size });
    }
    let bytes = 0;
    for (const { path, size } of left.toSorted((a, b) => b.mtimeMs - a.mtimeMs)) {
      bytes += size;
      if (bytes > this.#maxLeftBytes) await rm(path, { force: true });
    }
  }

  /** Away from its name first, and looked for users then: who looks for it later does not find it. */
  async #remove(name: string, mayGo: (digest: string) => Promise<boolean>): Promise<void> {
    const aside = `${name}.${await ownerName()}.${randomUUID()}.removing`;
    try {
      await rename(join(this.#folder, name), join(this.#folder, aside));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      throw error;
    }
    if (await mayGo(digestFromHex(name))) await rm(join(this.#folder, aside), { force: true });
    else await rename(join(this.#folder, aside), join(this.#folder, name));
  }

  async #collectAside({ name, kind, owner }: Aside): Promise<void> {
    if (this.#writing.has(name)) return;
    const path = join(this.#folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return;
    const isForgotten = found.mtimeMs < Date.now() - FORGOTTEN_AFTER_MS;
    const isDead = (await isOwnerAlive(owner)) === false;
    if (kind === "removing" ? isDead : isForgotten) await rm(path, { force: true });
  }

  async #write<T extends string>(
    name: string,
    work: (partial: PartialBlob) => Promise<T>,
  ): Promise<{ readonly digest: T; readonly bytes: number }> {
    this.#writing.add(name);
    try {
      const partial = await PartialBlob.open(join(this.#folder, name), () => this.#requireRoom());
      return await this.#fillAndPublish(partial, work);
    } finally {
      this.#writing.delete(name);
    }
  }

  async #fillAndPublish<T extends string>(
    partial: PartialBlob,
    work: (partial: PartialBlob) => Promise<T>,
  ): Promise<{ readonly digest: T; readonly bytes: number }> {
    try {
      const digest = await work(partial);
      if (partial.digest !== digest) throw await this.#mismatch(partial, digest);
      const { bytes } = partial;
      // What is here already need not be brought to the disk again.
      if (await this.has(digest)) await partial.discard();
      else await partial.publish(this.pathOf(digest));
      return { digest, bytes };
    } catch (error) {
      const lacksRoom = error instanceof FastvmError && error.code === "out_of_disk";
      if (partial.bytes === 0 || lacksRoom) await partial.discard();
      else await partial.keep();
      throw error;
    }
  }

  async #requireRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < this.#freeBytesFloor) throw new FastvmError("out_of_disk");
  }

  async #mismatch(partial: PartialBlob, digest: string): Promise<Error> {
    const found = partial.digest;
    await partial.restart();
    return invalidImage(`what came as ${digest} is ${found}`);
  }

  /** What somebody left of it who writes no more, under a name of our own; or a new one. */
  async #takeOver(subject: string): Promise<string> {
    const own = await this.#newName(subject);
    for (const name of await readdir(this.#folder)) {
      const aside = readAside(name);
      if (aside?.subject !== subject || aside.kind !== "partial" || !(await this.#isFree(aside))) continue;
      try {
        // The quicker of two has it; the other finds nothing.
        await rename(join(this.#folder, name), join(this.#folder, own));
        return own;
      } catch (error) {
        if (!isErrno(error, "ENOENT")) throw error;
      }
    }
    return own;
  }

  async #isFree({ name, owner }: Aside): Promise<boolean> {
    if (owner === (await ownerName())) return !this.#writing.has(name);
    return (await isOwnerAlive(owner)) === false;
  }

  async #newName(subject: string): Promise<string> {
    return `${subject}.${await ownerName()}.${randomUUID()}.partial`;
  }
}

function tagOf(source: string): string {
  return hexOf(digestOf(source)).slice(0, SOURCE_TAG_CHARS);
}

function readAside(name: string): Aside | undefined {
  const { subject, owner, kind } = ASIDE.exec(name)?.groups ?? {};
  if (subject === undefined || owner === undefined || kind === undefined) return undefined;
  return { name, subject, owner, kind };
}
