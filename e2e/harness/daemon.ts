/** A real daemon with a data folder of its own, for one test file. Its template comes from the machine's cache, so it starts in a second. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { readConfig, startDaemon, stopDaemon } from "@fastvm/daemon";
import type { DaemonConfig, StartedDaemon } from "@fastvm/daemon";
import { FastvmClient } from "fastvm";
import { processesIn } from "./processes.ts";

/** Beside the default cache, so that layers are shared by hard link as they are in use. */
const ROOT = "/var/cache/fastvm-test";

export interface TestDaemonOptions {
  /** Default: a fresh folder, removed at the end. */
  readonly dataDir?: string;
  readonly poolSize?: number;
}

export class TestDaemon implements AsyncDisposable {
  readonly config: DaemonConfig;
  readonly #ownsFolder: boolean;
  #started: StartedDaemon;

  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    await mkdir(ROOT, { recursive: true });
    const dataDir = options.dataDir ?? (await mkdtemp(join(ROOT, "data-")));
    const config = readConfig({ dataDir, port: await freePort(), poolSize: options.poolSize ?? 1 });
    return new TestDaemon(config, await startDaemon(config), options.dataDir === undefined);
  }

  private constructor(config: DaemonConfig, started: StartedDaemon, ownsFolder: boolean) {
    this.config = config;
    this.#started = started;
    this.#ownsFolder = ownsFolder;
  }

  get url(): string {
    return this.#started.url;
  }

  get apiKey(): string {
    return this.#started.apiKey;
  }

  get client(): FastvmClient {
    return new FastvmClient({ apiKey: this.apiKey, baseUrl: this.url });
  }

  /** The environment under which the CLI and the examples find this daemon. */
  get environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.config.dataDir,
      FASTVM_BASE_URL: this.url,
      FASTVM_API_KEY: this.apiKey,
      FASTVM_DATA_DIR: this.config.dataDir,
    };
  }

  async pid(): Promise<number> {
    const instance = JSON.parse(await readFile(join(this.config.dataDir, "daemon.json"), "utf8")) as {
      process: { pid: number };
    };
    return instance.process.pid;
  }

  /** As a crash or `kill -9` would; VMs run on. */
  async sigkill(): Promise<void> {
    const pid = await this.pid();
    process.kill(pid, "SIGKILL");
    while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** On the same folder and port. */
  async restart(): Promise<void> {
    this.#started = await startDaemon(this.config);
  }

  async stop(): Promise<void> {
    await stopDaemon({ dataDir: this.config.dataDir });
  }

  async log(): Promise<string> {
    return await readFile(this.#started.logFile, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopDaemon({ dataDir: this.config.dataDir, vms: "delete" });
    for (const { pid } of await processesIn(this.config.dataDir)) process.kill(pid, "SIGKILL");
    if (this.#ownsFolder) await rm(this.config.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
