/**
 * Which name means which image, one small file a name, in a folder that all daemons of the machine share; and which daemons are bringing
 * something just now:
 *
 *   <digest of the name, and before it whose it is>.json
 *   <owner>.<uuid>.bringing, <owner>.<uuid>.new
 *
 * Who brings something says so first and looks for blobs then; who takes blobs away takes their names away first and looks for such files
 * then. So one of the two always sees the other.
 */
import { randomUUID } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, MAX_IMAGES } from "@fastvm/contract";
import type { HeldImage, ImageOwner, ImageStart } from "@fastvm/contract";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { replaceFileDurably, syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { isOwnerAlive, ownerName } from "../processes/owner-name.ts";
import { digestOf, hexOf } from "./digest.ts";

const NAME_FILE = /^[0-9a-f]{64}\.json$/;
const OWN = /^(?<owner>[\d-]+)\.[0-9a-f-]{36}\.(?:bringing|new)$/;
/** Of a daemon in another container nobody here can tell whether it lives; no pull takes half as long. */
const ABANDONED_AFTER_MS = 3_600_000;
export const EVERYBODY: ImageOwner = "everybody";

export class ImageNames {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async prepare(): Promise<void> {
    await makeClosedFolder(this.#folder);
  }

  async list(): Promise<readonly HeldImage[]> {
    const files = (await readdir(this.#folder)).filter((name) => NAME_FILE.test(name));
    const found = await Promise.all(files.map((name) => this.#read(join(this.#folder, name))));
    return found
      .filter((image) => image !== undefined)
      .toSorted((one, other) => compare(one.reference, other.reference) || compare(one.owner, other.owner));
  }

  /** What that one sees: its own, and of everybody's what it has no name of its own for. */
  async seenBy(owner: ImageOwner): Promise<readonly HeldImage[]> {
    const all = (await this.list()).filter((each) => each.owner === owner || each.owner === EVERYBODY);
    const own = new Set(all.filter((each) => each.owner === owner).map(({ reference }) => reference));
    return all.filter((each) => each.owner === owner || !own.has(each.reference));
  }

  async find(owner: ImageOwner, reference: string): Promise<HeldImage | undefined> {
    return (
      (await this.#read(this.#fileOf(owner, reference))) ??
      (await this.#read(this.#fileOf(EVERYBODY, reference)))
    );
  }

  /** What the name starts with stays, whatever it means now. */
  async put(image: HeldImage): Promise<void> {
    const others = (await this.list()).filter(
      ({ owner, reference }) => owner === image.owner && reference !== image.reference,
    );
    if (others.length >= MAX_IMAGES)
      throw new FastvmError("conflict", `there are ${MAX_IMAGES} images, which is the most there may be`);
    const before = await this.#read(this.#fileOf(image.owner, image.reference));
    await this.#write({ ...image, start: before?.start });
  }

  async setStart(image: HeldImage, start: ImageStart | undefined): Promise<void> {
    await this.#write({ ...image, start });
  }

  async #write(image: HeldImage): Promise<void> {
    // Two may write one name at once.
    const aside = await this.#ownFile("new");
    await replaceFileDurably(this.#fileOf(image.owner, image.reference), JSON.stringify(image), { aside });
  }

  /** For good, before anything goes that it led to: after a power cut it would lead to nothing. */
  async remove(owner: ImageOwner, reference: string): Promise<void> {
    await rm(this.#fileOf(owner, reference), { force: true });
    await syncPath(this.#folder);
  }

  /** While `work` goes on, nobody takes blobs away. */
  async whileBringing<T>(work: () => Promise<T>): Promise<T> {
    const file = await this.#ownFile("bringing");
    await writeFile(file, "", { mode: 0o600 });
    try {
      return await work();
    } finally {
      await rm(file, { force: true });
    }
  }

  /** Whether anybody brings something. Forgets those that do not live any more. */
  async isBringing(): Promise<boolean> {
    for (const name of await readdir(this.#folder)) {
      const owner = OWN.exec(name)?.groups?.["owner"];
      if (owner === undefined) continue;
      const path = join(this.#folder, name);
      if ((await isOwnerAlive(owner)) ?? (await isRecent(path))) return true;
      await rm(path, { force: true });
    }
    return false;
  }

  async #ownFile(kind: "new" | "bringing"): Promise<string> {
    return join(this.#folder, `${await ownerName()}.${randomUUID()}.${kind}`);
  }

  /** Everybody's are named as before there were others. */
  #fileOf(owner: ImageOwner, reference: string): string {
    const named = owner === EVERYBODY ? reference : `${owner} ${reference}`;
    return join(this.#folder, `${hexOf(digestOf(named))}.json`);
  }

  /** `undefined` when there is none, or one that a newer version wrote in another form. */
  async #read(path: string): Promise<HeldImage | undefined> {
    try {
      const found = JSON.parse(await readFile(path, "utf8")) as Partial<HeldImage>;
      if (found.reference === undefined || found.digest === undefined) return undefined;
      return { owner: EVERYBODY, ...(found as Omit<HeldImage, "owner">) };
    } catch (error) {
      if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

async function isRecent(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs > Date.now() - ABANDONED_AFTER_MS;
}
