/** Runs one command of ./test: its output is shown and logged, and its whole process group ends with its time or ours. */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { finished } from "node:stream/promises";

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Printed in front of the output. */
  readonly title?: string;
  /** Whether the output is shown as it comes, and not when the command has ended. Default: true. */
  readonly live?: boolean;
}

interface CommandResult {
  /** How the command ended, in words; undefined when it succeeded. */
  readonly failure: string | undefined;
  /** The end of what it printed. */
  readonly output: string;
}

/** What is kept of the output in memory, for the counts in its last lines. */
const MAX_OUTPUT_CHARS = 256 * 1024;
/** vitest ends its workers and runs its hooks in this time; what is left then is killed. */
const GRACE_MS = 10_000;

export async function runCommand(
  command: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const [program = "", ...args] = command;
  // A group of its own, so that a time-out reaches every process the command started.
  const child = spawn(program, args, { env: options.env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(options.logFile);
  const { title = "", live = true } = options;
  if (live) process.stdout.write(title);
  let output = "";
  const take = (chunk: Buffer): void => {
    if (live) process.stdout.write(chunk);
    log.write(chunk);
    output = (output + chunk.toString("utf8")).slice(-MAX_OUTPUT_CHARS);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);

  const end = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  const failure = await ending(child, end, options);
  child.stdout.destroy();
  child.stderr.destroy();
  log.end();
  await finished(log);
  if (!live) process.stdout.write(title + output);
  return { failure, output };
}

async function ending(
  child: ReturnType<typeof spawn>,
  end: AbortSignal,
  options: CommandOptions,
): Promise<string | undefined> {
  let killer: NodeJS.Timeout | undefined;
  const terminate = (): void => {
    killGroup(child.pid, "SIGTERM");
    killer = setTimeout(() => killGroup(child.pid, "SIGKILL"), GRACE_MS);
  };
  end.addEventListener("abort", terminate, { once: true });
  if (end.aborted) terminate();
  try {
    // Not "close": a stray background process that holds the output open must not hold the tests.
    const [code, signal] = await once(child, "exit");
    // Output that is still in the pipe arrives in this turn or the next.
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (options.signal.aborted) return "interrupted";
    if (end.aborted) return `timed out after ${Math.round(options.timeoutMs / 1000)} s`;
    if (signal !== null) return `ended by ${String(signal)}`;
    return code === 0 ? undefined : `exit code ${String(code)}`;
  } catch (error) {
    return `could not be started: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(killer);
    end.removeEventListener("abort", terminate);
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}
