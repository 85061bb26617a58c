/** Programs of this project as processes of their own: the CLI and the examples. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundled } from "../../packages/cli/src/testing/product.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CLI = "packages/cli/src/main.ts";
/** Far above what most of them need; then they are ended. */
const DEADLINE_MS = 120_000;

export interface ProgramResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `file` is relative to the project's root. Without `input`, stdin is closed at once; `onFirstOutput` is called while the program runs. */
export async function runProgram(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: string | Uint8Array = "",
  onFirstOutput: () => void = () => undefined,
  deadlineMs = DEADLINE_MS,
): Promise<ProgramResult> {
  const program = file === CLI ? (bundled("fastvm") ?? join(ROOT, file)) : join(ROOT, file);
  const child = spawn(process.execPath, ["--conditions=development", program, ...args], {
    env,
    cwd: ROOT,
    timeout: deadlineMs,
  });
  child.stdout.once("readable", onFirstOutput);
  child.stdin.on("error", () => undefined).end(input);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    closed,
  ]);
  return {
    exitCode,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}

export async function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string | Uint8Array,
  onFirstOutput?: () => void,
): Promise<ProgramResult> {
  return await runProgram(CLI, args, env, input, onFirstOutput);
}
