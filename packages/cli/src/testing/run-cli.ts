/** Starts the real CLI as a process, in an environment of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FakeApi } from "./fake-api.ts";
import { bundled } from "./product.ts";

const MAIN = bundled("fastvm") ?? fileURLToPath(new URL("../main.ts", import.meta.url));

export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
}

/** A home folder for one test file: settings and the compile cache go there, and nothing of this machine is read. */
export class CliHome implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "fastvm-cli-"));

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  spawn(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    return spawn(process.execPath, ["--conditions=development", MAIN, ...args], {
      env: {
        PATH: process.env["PATH"],
        HOME: this.folder,
        FASTVM_DATA_DIR: join(this.folder, "data"),
        FASTVM_CONFIG_FILE: "/dev/null",
        TZ: "UTC",
        ...env,
      },
    });
  }

  /** Runs to the end. `input` is what stdin carries; without it stdin is closed at once. */
  async run(
    args: readonly string[],
    env: Record<string, string> = {},
    input?: string | Buffer,
  ): Promise<CliResult> {
    const child = this.spawn(args, env);
    child.stdin?.end(input);
    return resultOf(child);
  }
}

export async function resultOf(child: ChildProcess): Promise<CliResult> {
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout = [], stderr = [], exitCode] = await Promise.all([
    child.stdout?.toArray(),
    child.stderr?.toArray(),
    closed,
  ]);
  const stdoutBytes = Buffer.concat(stdout);
  return { exitCode, stdout: stdoutBytes.toString(), stderr: Buffer.concat(stderr).toString(), stdoutBytes };
}

/** To be called right after the start: the event is not repeated for those who come late. */
export function exitCodeOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", resolve));
}

/** The environment that leads to the fake API. */
export function envFor(api: FakeApi): Record<string, string> {
  return { FASTVM_BASE_URL: api.url, FASTVM_API_KEY: "test key" };
}
