/** Templates by content, in the cache folder that all daemons of the machine share: made when first asked for, once. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { MachineType } from "@fastvm/contract";
import { closeEntries, makeClosedFolder } from "../files/closed-folder.ts";
import { isErrno } from "../files/errno.ts";
import { linkSnapshot, openSnapshot, publishSnapshot } from "../snapshot/folder.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { removePartials } from "../snapshot/partial-folder.ts";
import { kernelCommandLine, makeTemplate } from "./make-template.ts";
import type { TemplateHost } from "./make-template.ts";

/** Goes up when the way templates are made changes what they hold. */
const RECIPE = 2;

export class TemplateStore {
  readonly #host: TemplateHost;
  readonly #cacheFolder: string;
  readonly #localFolder: string;
  readonly #ready = new Map<string, Promise<Snapshot>>();
  readonly #ending = new AbortController();

  /** `localFolder` is on the filesystem of the VMs; it is used only when the cache is not. */
  constructor(host: TemplateHost, cacheFolder: string, localFolder: string) {
    this.#host = host;
    this.#cacheFolder = cacheFolder;
    this.#localFolder = localFolder;
  }

  /** The template of a machine type; callers that come while it is made wait for the same one. */
  ensure(machine: MachineType): Promise<Snapshot> {
    const known = this.#ready.get(machine.name);
    if (known !== undefined) return known;
    const made = this.#openOrMake(machine);
    this.#ready.set(machine.name, made);
    made.catch(() => this.#ready.delete(machine.name));
    return made;
  }

  /** What daemons left that were killed while they made one; in the shared cache others may be about to. */
  async removePartials(): Promise<void> {
    await removePartials(this.#cacheFolder, "abandoned");
    await removePartials(this.#localFolder, "all");
  }

  /** Gives up what is being made, with the VM that boots for it. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#ready.values());
  }

  async #openOrMake(machine: MachineType): Promise<Snapshot> {
    const folder = join(this.#cacheFolder, this.#digest(machine));
    await makeClosedFolder(this.#cacheFolder);
    await closeEntries(this.#cacheFolder);
    const template = (await openSnapshot(folder)) ?? (await this.#make(machine, folder));
    return await this.#bringNear(template);
  }

  async #make(machine: MachineType, folder: string): Promise<Snapshot> {
    try {
      return await makeTemplate(this.#host, machine, folder, this.#ending.signal);
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

  #digest(machine: MachineType): string {
    const content = {
      recipe: RECIPE,
      image: this.#host.image.digest,
      machine,
      // Differs between accelerators, too.
      cmdline: kernelCommandLine(this.#host),
      // Left out by JSON where there is none.
      trust: this.#host.trust?.digest,
      compatibility: this.#host.compatibility(machine),
    };
    return createHash("sha256").update(JSON.stringify(content)).digest("hex");
  }
}
