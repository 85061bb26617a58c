/** The published client of sandboxes in a test's process, and its command, against one daemon and one key. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { setDefaultBackend } from "microsandbox";
import { vi } from "vitest";

/** The client's command, a program of Node. */
const MSB = join(createRequire(import.meta.url).resolve("microsandbox"), "../../bin/microsandbox.cjs");
/** Less than a test has: a command that hangs ends before its test does. */
const COMMAND_DEADLINE_MS = 170_000;

export class PublishedSandboxes implements Disposable {
  /** The client's own folder, which goes with this. */
  readonly home = mkdtempSync(join(tmpdir(), "fastvm-msb-"));

  /**
   * The client reads the environment once in a process, which may have run other files before, each with its own daemon and key: so it is
   * told as well. Its command and this project's client read the environment whenever they start.
   */
  constructor(url: string, apiKey: string) {
    vi.stubEnv("MSB_BACKEND", "cloud");
    vi.stubEnv("MSB_API_URL", url);
    vi.stubEnv("MSB_API_KEY", apiKey);
    vi.stubEnv("MSB_HOME", this.home);
    setDefaultBackend({ kind: "cloud", url, apiKey });
  }

  /** What the command printed. @throws where it fails, or takes longer than a test may */
  async msb(...args: string[]): Promise<string> {
    const running = promisify(execFile)(process.execPath, [MSB, ...args], {
      env: process.env,
      timeout: COMMAND_DEADLINE_MS,
    });
    // It passes its own input on, and waits for the end of that.
    running.child.stdin?.end();
    return (await running).stdout;
  }

  [Symbol.dispose](): void {
    vi.unstubAllEnvs();
    rmSync(this.home, { recursive: true, force: true });
  }
}
