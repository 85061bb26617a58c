/**
 * The keys with which values are sealed, in a file that only its owner reads, apart from the database: whoever has one of the two has
 * nothing. A line for each key, the newest first:
 *
 *   <id: 8 hexadecimal digits> <base64 of 32 bytes>
 *
 * The first seals; all of them open. So a key is changed by a new first line, and the old one is taken out once a start has sealed anew
 * what it had. The file is read whenever it is needed, which is seldom, and no key stays in memory.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { link, open, readdir, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KEY_BYTES, keyIdOf, type SealingKey } from "./seal.ts";

export interface SealingKeyPlace {
  readonly file: string;
  /** Whether it is made when it is not there. Of one that the operator names it is not: it may only be away for now. */
  readonly isMade: boolean;
}

const LINE = /^(?<id>[0-9a-f]{8}) (?<key>[A-Za-z0-9+/]{43}=)$/;
/** Behind the file's name. */
const ASIDE = /^\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.new$/;
/** One key a month, for decades; more is another file. */
const MAX_FILE_BYTES = 16 * 1024;
/** Bits that let others than the owner read or change it. */
const OTHERS = 0o077;

export class SealingKeys {
  readonly #place: SealingKeyPlace | undefined;
  /** Paths of what is about to be the file. */
  readonly #making = new Set<string>();

  /** Without a place nothing can be sealed. */
  constructor(place: SealingKeyPlace | undefined) {
    this.#place = place;
  }

  /** Whether anything can have been sealed. */
  async isThere(): Promise<boolean> {
    return this.#place !== undefined && (await readKeys(this.#place.file)) !== undefined;
  }

  /** Takes away what those left who were killed while they made the file. No other process may be at it; this one may: it is done late. */
  async removeAside(): Promise<void> {
    if (this.#place?.isMade !== true) return;
    const { file } = this.#place;
    const there = (await readdir(dirname(file))).filter((name) => isAside(name, basename(file)));
    const left = there.map((name) => join(dirname(file), name)).filter((path) => !this.#making.has(path));
    for (const path of left) await rm(path, { force: true });
  }

  /** With which to seal. */
  async newest(): Promise<SealingKey> {
    const place = this.#required();
    const [first] = (await readKeys(place.file)) ?? (await this.#make(place));
    if (first === undefined) throw new Error(`${place.file} has no key in it`);
    return first;
  }

  /** With which to open. */
  async of(sealed: string): Promise<SealingKey> {
    const { file } = this.#required();
    const id = keyIdOf(sealed);
    const key = (await readKeys(file))?.find((each) => each.id === id);
    if (key === undefined) throw new Error(`The key ${id}, which a value was sealed with, is not in ${file}`);
    return key;
  }

  #required(): SealingKeyPlace {
    if (this.#place === undefined) throw new Error("There is no place for a key to seal values with");
    return this.#place;
  }

  async #make({ file, isMade }: SealingKeyPlace): Promise<readonly SealingKey[]> {
    if (!isMade) throw new Error(`${file}, the file of sealing keys, is not there`);
    const aside = `${file}.${randomUUID()}.new`;
    this.#making.add(aside);
    await makeKeyFile(file, aside).finally(() => this.#making.delete(aside));
    return (await readKeys(file)) ?? [];
  }
}

/** `undefined` when there is no file. */
async function readKeys(file: string): Promise<readonly SealingKey[] | undefined> {
  let opened: FileHandle;
  try {
    opened = await open(file, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  await using handle = opened;
  const { mode, size, uid } = await handle.stat();
  if ((mode & OTHERS) !== 0 || uid !== process.geteuid?.())
    throw new Error(`${file} has keys in it and is open to others: chown root and chmod 600`);
  if (size > MAX_FILE_BYTES) throw new Error(`${file} is too large for a file of sealing keys`);
  return parseKeys(file, await handle.readFile("utf8"));
}

function parseKeys(file: string, text: string): readonly SealingKey[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line, index) => {
    const { id, key } = LINE.exec(line.trim())?.groups ?? {};
    // What stands there is not told: it may be a key with a slip of the pen.
    if (id === undefined || key === undefined) throw new Error(`Line ${index + 1} of ${file} is no key`);
    return { id, bytes: Buffer.from(key, "base64") };
  });
}

function isAside(name: string, file: string): boolean {
  return name.startsWith(`${file}.`) && ASIDE.test(name.slice(file.length));
}

/** Whole or not at all, and never over one that is there. */
async function makeKeyFile(file: string, aside: string): Promise<void> {
  try {
    await using handle = await open(aside, "wx", 0o600);
    await handle.writeFile(
      `${randomBytes(4).toString("hex")} ${randomBytes(KEY_BYTES).toString("base64")}\n`,
    );
    // Before anything is sealed with it.
    await handle.sync();
    await link(aside, file).catch((error: unknown) => {
      if (!hasCode(error, "EEXIST")) throw error;
    });
  } finally {
    await rm(aside, { force: true });
  }
  await using folder = await open(dirname(file), "r");
  await folder.sync();
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
