/**
 * Which daemons use which entries of the cache, told by empty files in it:
 *
 *   users/<kind>.<digest>.<owner>
 *
 * Who wants an entry says so first and looks for it then; who removes one takes its name away first and looks for users then. So one of
 * the two always sees the other.
 */
import { readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { isErrno } from "../files/errno.ts";
import { isOwnerAlive, ownerName } from "../processes/owner-name.ts";

const USER_FILE = /^(?<kind>[a-z]+)\.(?<digest>[0-9a-f]{64})\.(?<owner>[\d-]+)$/;
/** A daemon in another container cannot be looked at; it says every ten minutes that it lives. */
const ABANDONED_AFTER_MS = 3_600_000;

export class CacheUsers {
  readonly #cacheFolder: string;
  readonly #folder: string;
  readonly #ours = new Set<string>();

  constructor(cacheFolder: string) {
    this.#cacheFolder = cacheFolder;
    this.#folder = join(cacheFolder, "users");
  }

  /** The entry may be gone already when this returns. */
  async add(name: string): Promise<void> {
    await makeClosedFolder(this.#folder);
    await writeFile(await this.#fileOf(name), "");
    this.#ours.add(name);
    await this.#touch(join(this.#cacheFolder, name));
  }

  /** Says of all that is ours that it still is, and when it was used. */
  async renew(): Promise<void> {
    for (const name of this.#ours) {
      await this.#touch(await this.#fileOf(name));
      await this.#touch(join(this.#cacheFolder, name));
    }
  }

  async release(): Promise<void> {
    await this.renew();
    for (const name of this.#ours) await rm(await this.#fileOf(name), { force: true });
    this.#ours.clear();
  }

  /** Names of entries that living daemons use. Forgets those that do not live any more. */
  async used(): Promise<ReadonlySet<string>> {
    const used = new Set<string>();
    for (const file of await readdir(this.#folder).catch(() => [])) {
      const { kind, digest, owner } = USER_FILE.exec(file)?.groups ?? {};
      if (kind === undefined || digest === undefined || owner === undefined) continue;
      const path = join(this.#folder, file);
      if ((await isOwnerAlive(owner)) ?? (await isRecent(path))) used.add(`${kind}/${digest}`);
      else await rm(path, { force: true });
    }
    return used;
  }

  async #fileOf(name: string): Promise<string> {
    return join(this.#folder, `${name.replace("/", ".")}.${await ownerName()}`);
  }

  /** Does nothing where there is nothing. */
  async #touch(path: string): Promise<void> {
    const now = new Date();
    await utimes(path, now, now).catch((error: unknown) => {
      if (!isErrno(error, "ENOENT")) throw error;
    });
  }
}

async function isRecent(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs > Date.now() - ABANDONED_AFTER_MS;
}
