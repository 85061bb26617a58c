/**
 * A real daemon with a data folder of its own, for one test file. Its template comes from the machine's cache, so it starts in a second.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { askOperator, readConfig, startDaemon, stopDaemon } from "@fastvm/daemon";
import type { DaemonConfig, StartedDaemon } from "@fastvm/daemon";
import { FastvmClient } from "fastvm";
import { bundled } from "../../packages/cli/src/testing/product.ts";
import { endDaemon } from "./end-daemon.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

const START_PROGRAM = fileURLToPath(new URL("./start-daemon.ts", import.meta.url));

/** Beside the default cache, so that layers are shared by hard link as they are in use. */
const ROOT = "/var/cache/fastvm-test";
const END_DEADLINE_MS = 60_000;
/** Where `./test` reads them, which empties it first; without it nothing is kept. See tools/test/daemon-errors.ts. */
const DAEMON_ERRORS = process.env["FASTVM_TEST_DAEMON_ERRORS"];
const ERROR_LINE = /^\{"level":[56]0,/;

interface TestDaemonOptions {
  /** Default: a fresh folder, removed at the end. */
  readonly dataDir?: string;
  /** Neither more nor fewer are kept ready, so that they can be counted. Default: none, as each is a QEMU that nobody asked for. */
  readonly poolSize?: number;
  /** Where VMs have a network: the namespace that the daemon takes for its host, and its address there. */
  readonly host?: { readonly namespace: string; readonly address: string };
  readonly settings?: Partial<DaemonConfig>;
  /** A command that runs the one behind it, which then starts the daemon. */
  readonly starter?: readonly string[];
}

export class TestDaemon implements AsyncDisposable {
  #config: DaemonConfig;
  readonly #ownsFolder: boolean;
  readonly #starter: readonly string[] | undefined;
  #started: StartedDaemon;

  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    await mkdir(ROOT, { recursive: true });
    const dataDir = options.dataDir ?? (await mkdtemp(join(ROOT, "data-")));
    const { host, settings } = options;
    const poolSize = options.poolSize ?? 0;
    const flags = { dataDir, port: await freePort(), poolSize, poolMaxSize: poolSize };
    const config = { ...readConfig({ ...flags, host: host?.address }), ...settings };
    const starter = host === undefined ? options.starter : ["nsenter", `--net=/run/netns/${host.namespace}`];
    return new TestDaemon(config, await start(config, starter), { ...options, starter });
  }

  private constructor(
    config: DaemonConfig,
    started: StartedDaemon,
    { dataDir, starter }: { dataDir?: string; starter: readonly string[] | undefined },
  ) {
    this.#config = config;
    this.#started = started;
    this.#ownsFolder = dataDir === undefined;
    this.#starter = starter;
  }

  get config(): DaemonConfig {
    return this.#config;
  }

  /** For the next `restart`. */
  settings(changes: Partial<DaemonConfig>): void {
    this.#config = { ...this.#config, ...changes };
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
    if (isThere(pid)) process.kill(pid, "SIGKILL");
    while (isThere(pid)) await sleep(5);
  }

  /** Waits for a daemon that ends by itself. */
  async ended(): Promise<void> {
    // What names it goes with it.
    const pid = await this.pid().catch(() => undefined);
    if (pid === undefined) return;
    await eventually(async () => {
      if (isThere(pid)) throw new Error("the daemon has not ended");
    }, END_DEADLINE_MS);
  }

  /** On the same folder and port. */
  async restart(): Promise<void> {
    this.#started = await start(this.config, this.#starter);
  }

  async stop(): Promise<void> {
    await stopDaemon({ dataDir: this.config.dataDir });
  }

  /** As root reads them. */
  async metrics(): Promise<string> {
    const { status, body } = await askOperator(this.config.dataDir, "/metrics");
    if (status !== 200) throw new Error(`the figures are ${status}: ${body}`);
    return body;
  }

  async log(): Promise<string> {
    return await readFile(this.#started.logFile, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { dataDir } = this.config;
    await using undo = new AsyncDisposableStack();
    if (this.#ownsFolder) undo.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
    undo.defer(() => keepErrors(this.#started.logFile));
    await endDaemon(dataDir);
  }
}

async function start(config: DaemonConfig, starter: readonly string[] = []): Promise<StartedDaemon> {
  const [command, ...args] = starter;
  if (command === undefined) return await startDaemon(config, bundled("serve-entry"));
  const node = [process.execPath, "--conditions=development", START_PROGRAM, JSON.stringify(config)];
  const { stdout } = await promisify(execFile)(command, [...args, ...node]);
  return JSON.parse(stdout) as StartedDaemon;
}

/** Beyond the folder of the daemon, for whoever asks why a test failed. */
async function keepErrors(logFile: string): Promise<void> {
  if (DAEMON_ERRORS === undefined) return;
  const lines = (await readFile(logFile, "utf8").catch(() => "")).split("\n");
  const errors = lines.filter((line) => ERROR_LINE.test(line)).map((line) => `${line}\n`);
  if (errors.length === 0) return;
  await appendFile(DAEMON_ERRORS, errors.join(""));
}

/** One that has ended and that nobody has waited for yet is gone. */
function isThere(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
