/** FastVM as its package has it, without npm: programs laid out in a folder, and a daemon that is started and asked by them. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FastvmClient } from "fastvm";

const run = promisify(execFile);
const LAY_OUT = fileURLToPath(new URL("../../packaging/lay-out", import.meta.url));
const PORT = 8800;

/** Of this clone, or of an older commit of its history. */
export async function layOut(folder: string, commit?: string): Promise<void> {
  await run(LAY_OUT, [folder, ...(commit === undefined ? [] : [commit])]);
}

interface InstalledOptions {
  /** The namespace that daemons take for their host, and its address there. */
  readonly host: { readonly namespace: string; readonly address: string };
  readonly dataDir: string;
  readonly flags: readonly string[];
}

/** The daemon of one data folder, by whichever programs are installed at the time. */
export class Installed {
  readonly #options: InstalledOptions;

  constructor(options: InstalledOptions) {
    this.#options = options;
  }

  /** By the programs of `folder`; its output, or what it says instead of starting. */
  async start(folder: string, cacheDir: string): Promise<string> {
    const { host, flags } = this.#options;
    const where = [
      "--host",
      host.address,
      "--port",
      String(PORT),
      "--cache-dir",
      cacheDir,
      "--pool-size",
      "1",
    ];
    return await this.#command(folder, ["serve", "-d", ...where, ...flags]);
  }

  /** `words`: how these programs say it. */
  async end(folder: string, ...words: readonly string[]): Promise<void> {
    await this.#command(folder, words);
  }

  async client(): Promise<FastvmClient> {
    const apiKey = (await readFile(join(this.#options.dataDir, "api-key"), "utf8")).trim();
    return new FastvmClient({ apiKey, baseUrl: `http://${this.#options.host.address}:${PORT}` });
  }

  async #command(folder: string, args: readonly string[]): Promise<string> {
    const { host, dataDir } = this.#options;
    const inHost = [`--net=/run/netns/${host.namespace}`, join(folder, "bin/fastvm"), ...args];
    // As on a machine without anything else of ours.
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: dataDir, FASTVM_CONFIG_FILE: "/dev/null" };
    const { stdout } = await run("nsenter", [...inHost, "--data-dir", dataDir], { env });
    return stdout;
  }
}
