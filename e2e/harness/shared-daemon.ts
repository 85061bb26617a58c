/**
 * One daemon for all files of a tier, and in it an organisation for each file: a file sees and counts its own VMs alone, and starts a
 * second earlier. By itself, as when it is run by path, a file gets a daemon of its own. Whoever kills the daemon or looks at all that is
 * in it is not for here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { FastvmClient } from "fastvm";
import { addOrganisation } from "./add-organisation.ts";
import { TestDaemon } from "./daemon.ts";
import { SHARED_SETTINGS } from "./shared-settings.ts";

/** What the files of a tier are told of their daemon. */
interface SharedAddress {
  readonly url: string;
  readonly dataDir: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    readonly sharedDaemon: SharedAddress;
  }
}

export class SharedDaemon implements AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  readonly apiKey: string;
  /** Of this file's organisation, for keys of the other APIs. */
  readonly orgId: string;
  readonly client: FastvmClient;
  readonly #home = mkdtempSync(join(tmpdir(), "fastvm-home-"));
  readonly #own: TestDaemon | undefined;

  static async join(): Promise<SharedDaemon> {
    const address: SharedAddress | undefined = inject("sharedDaemon");
    if (address !== undefined) return new SharedDaemon(address);
    const own = await TestDaemon.start({ settings: SHARED_SETTINGS });
    return new SharedDaemon({ url: own.url, dataDir: own.config.dataDir }, own);
  }

  private constructor({ url, dataDir }: SharedAddress, own?: TestDaemon) {
    this.url = url;
    this.dataDir = dataDir;
    this.#own = own;
    const { orgId, key } = addOrganisation(dataDir, "tests");
    this.orgId = orgId;
    this.apiKey = key;
    this.client = new FastvmClient({ apiKey: this.apiKey, baseUrl: url });
  }

  /** The environment under which the CLI and the examples find this daemon. */
  get environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.#home,
      FASTVM_BASE_URL: this.url,
      FASTVM_API_KEY: this.apiKey,
      FASTVM_DATA_DIR: this.dataDir,
    };
  }

  /** Nothing of this file stays in anybody's way. */
  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#home, { recursive: true, force: true });
    if (this.#own !== undefined) return await this.#own[Symbol.asyncDispose]();
    const { vms, snapshots } = this.client;
    await Promise.all((await vms.list()).map((vm) => vms.delete(vm)));
    await Promise.all((await snapshots.list()).map((snapshot) => snapshots.delete(snapshot)));
  }
}
