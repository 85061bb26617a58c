/** Templates by content, in the cache folder that all daemons of the machine share: made when first asked for, once. */
import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { MachineType } from "@fastvm/contract";
import { kernelCommandLine } from "../boot/command-line.ts";
import type { Cache } from "../cache/cache.ts";
import { closeEntries, makeClosedFolder } from "../files/closed-folder.ts";
import { isErrno } from "../files/errno.ts";
import type { Image } from "../image/image.ts";
import { linkSnapshot, openSnapshot, publishSnapshot } from "../snapshot/folder.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { removePartials } from "../snapshot/partial-folder.ts";
import { makeTemplate } from "./make-template.ts";
import type { TemplateHost } from "./make-template.ts";

/** What a template is known by, beside what the host has settled for all of them. */
interface TemplateKey {
  readonly image: Image;
  readonly machine: MachineType;
}

/** Goes up when the way templates are made changes what they hold. */
const RECIPE = 3;

export class TemplateStore {
  readonly #host: Omit<TemplateHost, "image">;
  readonly #cache: Cache;
  readonly #cacheFolder: string;
  readonly #localFolder: string;
  readonly #ready = new Map<string, Promise<Snapshot>>();
  readonly #ending = new AbortController();

  /** `localFolder` is on the filesystem of the VMs; it is used only when the cache is not. */
  constructor(host: Omit<TemplateHost, "image">, cache: Cache, cacheFolder: string, localFolder: string) {
    this.#host = host;
    this.#cache = cache;
    this.#cacheFolder = cacheFolder;
    this.#localFolder = localFolder;
  }

  /** The template of an image on a machine type; callers that come while it is made wait for the same one. */
  ensure(key: TemplateKey): Promise<Snapshot> {
    const name = JSON.stringify([key.image.digest, key.image.start, key.machine.name]);
    const known = this.#ready.get(name);
    if (known !== undefined) return known;
    const made = this.#openOrMake(key);
    this.#ready.set(name, made);
    made.catch(() => this.#ready.delete(name));
    return made;
  }

  /**
   * Before anybody is served: closes what an older version left open, and removes what daemons left that were killed while they made one,
   * in the shared cache too, and copies of what the cache has no more.
   */
  async tidy(): Promise<void> {
    await makeClosedFolder(this.#cacheFolder);
    await closeEntries(this.#cacheFolder);
    await removePartials(this.#cacheFolder, "abandoned");
    await removePartials(this.#localFolder, "all");
    for (const name of await readdir(this.#localFolder).catch(() => [])) {
      if ((await openSnapshot(join(this.#cacheFolder, name))) !== undefined) continue;
      await rm(join(this.#localFolder, name), { recursive: true, force: true });
    }
  }

  /** Gives up what is being made, with the VM that boots for it. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#ready.values());
  }

  async #openOrMake(key: TemplateKey): Promise<Snapshot> {
    const folder = join(this.#cacheFolder, this.#digest(key));
    await this.#cache.use(folder);
    const template = (await openSnapshot(folder)) ?? (await this.#make(key, folder));
    return await this.#bringNear(template);
  }

  async #make({ image, machine }: TemplateKey, folder: string): Promise<Snapshot> {
    try {
      const template = await makeTemplate({ ...this.#host, image }, machine, folder, this.#ending.signal);
      // Not waited for: a launch is.
      void this.#cache.sweep();
      return template;
    } catch (error) {
      // Another daemon was quicker: its template is as good.
      if (!isErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
      const theirs = await openSnapshot(folder);
      if (theirs === undefined) throw error;
      return theirs;
    }
  }

  /** VMs link what they share, and links end at a filesystem's border: a cache beyond it is copied over, once. */
  async #bringNear(template: Snapshot): Promise<Snapshot> {
    await makeClosedFolder(this.#localFolder);
    const [cache, local] = await Promise.all([stat(template.folder), stat(this.#localFolder)]);
    if (cache.dev === local.dev) return template;
    const folder = join(this.#localFolder, template.folder.slice(this.#cacheFolder.length + 1));
    return (
      (await openSnapshot(folder)) ??
      (await publishSnapshot(folder, (partial) => linkSnapshot(template, partial), "durable"))
    );
  }

  #digest({ image, machine }: TemplateKey): string {
    const content = {
      recipe: RECIPE,
      image: image.digest,
      machine,
      // Differs between accelerators, too.
      cmdline: kernelCommandLine({ ...this.#host, image }),
      // These two are left out by JSON where there is none.
      start: image.start,
      trust: this.#host.trust?.digest,
      compatibility: this.#host.compatibility(machine),
    };
    return createHash("sha256").update(JSON.stringify(content)).digest("hex");
  }
}
