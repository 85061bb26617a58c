/** For tests: the real agent of guest/agent in its development mode, on this machine, without a VM around it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "../processes/spawn.ts";
import { GuestLink } from "./guest-link.ts";
import type { ConnectOptions } from "./guest-link.ts";

const AGENT_FOLDER = fileURLToPath(new URL("../../../../guest/agent", import.meta.url));
const BUILD_TIMEOUT_MS = 120_000;
/** No test file runs longer. An agent that nobody stopped ends itself then. */
const AGENT_LIFE_MS = 300_000;

export class AgentProcess implements AsyncDisposable {
  /** A scratch folder, removed at the end. The agent listens in it. */
  readonly folder: string;
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;

  /** Builds the agent where that is needed, and starts it. */
  static async start(): Promise<AgentProcess> {
    // Test files run side by side: only one of them may build.
    const build = [AGENT_FOLDER, "make", "-s", "-C", AGENT_FOLDER];
    await runTool("flock", build, { timeoutMs: BUILD_TIMEOUT_MS });
    return new AgentProcess(await mkdtemp(join(tmpdir(), "fastvm-agent-")));
  }

  private constructor(folder: string) {
    this.folder = folder;
    const agent = join(AGENT_FOLDER, "build", "fastvm-agent");
    const options = { timeoutMs: AGENT_LIFE_MS, signal: this.#stop.signal };
    this.#ended = runTool(agent, ["--listen", this.socketPath], options).catch(() => undefined);
  }

  get socketPath(): string {
    return join(this.folder, "link.sock");
  }

  connect(options: Partial<ConnectOptions> = {}): Promise<GuestLink> {
    const generation = Buffer.alloc(16, 1);
    return GuestLink.connect({ socketPath: this.socketPath, generation, deadlineMs: 5000, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}
