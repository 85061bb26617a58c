/**
 * Runs the host's network tools. Starting a process from the daemon holds its event loop up for as long as its memory takes to be mapped anew, 8 ms at 150 MiB;
 * one small shell that was started early starts them instead, in 4 ms, and nobody waits but the caller. It also is the one queue in which such changes happen.
 * Scripts are text of this program: nothing a client or guest sent may be in one that was not parsed to a number, an address or a name of ours before.
 */
import { randomUUID } from "node:crypto";
import { startPrefixed } from "../processes/spawn.ts";
import type { Coprocess } from "../processes/spawn.ts";

/** Listing a table of hundreds of VMs takes some; more than this is a runaway. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** The longest takes a second on a busy machine; what takes this long hangs, and all others behind it. */
const SCRIPT_DEADLINE_MS = 60_000;

interface Job {
  readonly mark: string;
  readonly resolve: (output: string) => void;
  readonly reject: (error: Error) => void;
}

export class CommandShell {
  /** What stands before a command to run it where the shell's commands run, such as in a network namespace. */
  readonly prefix: readonly string[];
  #process: Coprocess | undefined;
  #jobs: Job[] = [];
  #output = "";
  #deadline: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(prefix: readonly string[] = []) {
    this.prefix = prefix;
    this.#process = this.#start();
  }

  /**
   * Runs a script after those before it, in a shell of its own, and resolves with what it printed. Rejects with what it printed, errors included, when
   * its status is not 0. Should the shell itself be ended, what it had to do is rejected and the next script finds a new one.
   */
  run(script: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("The shell for network commands has ended"));
      this.#process ??= this.#start();
      const mark = randomUUID();
      this.#jobs.push({ mark, resolve, reject });
      if (this.#jobs.length === 1) this.#watch();
      // In a subshell with an input of its own: a script that fails or exits must not end the others.
      this.#process.stdin.write(`(\n${script}\n) </dev/null 2>&1; echo "${mark} $?"\n`);
    });
  }

  /** Runs what was asked for and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    const process = this.#process;
    process?.stdin.end();
    await process?.exited.catch(() => undefined);
  }

  #start(): Coprocess {
    const process = startPrefixed(this.prefix, "sh");
    process.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(process, text));
    process.exited.then(
      () => this.#end(process, new Error("The shell for network commands has ended")),
      (error: unknown) =>
        this.#end(process, new Error("There is no shell for network commands", { cause: error })),
    );
    return process;
  }

  #read(process: Coprocess, text: string): void {
    if (process !== this.#process) return;
    this.#output += text;
    if (this.#output.length > MAX_OUTPUT_BYTES) {
      this.#abandon(process, "A network command printed without end");
      return;
    }
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      const at = this.#output.indexOf(`${job.mark} `);
      const lineEnd = at < 0 ? -1 : this.#output.indexOf("\n", at);
      if (lineEnd < 0) return;
      this.#jobs.shift();
      this.#watch();
      const printed = this.#output.slice(0, at);
      const status = this.#output.slice(at + job.mark.length + 1, lineEnd);
      this.#output = this.#output.slice(lineEnd + 1);
      if (status === "0") job.resolve(printed);
      else job.reject(new Error(printed.trim() || `A network command failed (${status})`));
    }
  }

  /** Over the script whose turn it is. */
  #watch(): void {
    clearTimeout(this.#deadline);
    const process = this.#process;
    if (this.#jobs.length === 0 || process === undefined) return;
    this.#deadline = setTimeout(() => this.#abandon(process, "A network command hangs"), SCRIPT_DEADLINE_MS);
    this.#deadline.unref();
  }

  #abandon(process: Coprocess, reason: string): void {
    process.kill();
    this.#end(process, new Error(reason));
  }

  #end(process: Coprocess, error: Error): void {
    if (process !== this.#process) return;
    this.#process = undefined;
    this.#output = "";
    clearTimeout(this.#deadline);
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.reject(error);
  }
}
