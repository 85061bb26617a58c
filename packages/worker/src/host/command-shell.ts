/**
 * Runs the host's network tools. Starting a process from the daemon holds its event loop up for as long as its memory
 * takes to be mapped anew, 8 ms at 150 MiB; one small shell that was started early starts them instead, in 4 ms, and
 * nobody waits but the caller. It also is the one queue in which such changes happen. Scripts are text of this program:
 * nothing a client or guest sent may be in one that was not parsed to a number, an address or a name of ours before.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { startPrefixed } from "../processes/spawn.ts";
import type { Coprocess } from "../processes/spawn.ts";

/** Listing a table of hundreds of VMs takes some; more than this is a runaway. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** The longest takes a second on a busy machine; what takes this long hangs, and all others behind it. */
const SCRIPT_DEADLINE_MS = 60_000;

/** What was killed ends at once, unless it is in the midst of a call of the kernel's. */
const KILLED_DEADLINE_MS = 5000;
/** More than a mark and the status behind it. */
const SEAM_LENGTH = 64;

interface Job {
  readonly mark: string;
  readonly script: string;
  readonly resolve: (output: string) => void;
  readonly reject: (error: Error) => void;
}

export class CommandShell {
  /** What stands before a command to run it where the shell's commands run, such as in a network namespace. */
  readonly prefix: readonly string[];
  #process: Coprocess | undefined;
  #starting: Promise<void> | undefined;
  /** Settles when nothing of the process before is left, whose commands must not come in between. */
  #gone: Promise<unknown> = Promise.resolve();
  #jobs: Job[] = [];
  /** What was printed since the last script's end; put together when that of the next is in it, as some print megabytes. */
  #output: string[] = [];
  #outputLength = 0;
  /** The end of it, where a mark may have begun. */
  #seam = "";
  #deadline: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(prefix: readonly string[] = []) {
    this.prefix = prefix;
    this.#process = this.#start();
  }

  /**
   * Runs a script after those before it, in a shell of its own, and resolves with what it
   * printed. Rejects with what it printed, errors included, when its status is not 0. Should the
   * shell itself be ended, what it had to do is rejected and the next script finds a new one.
   */
  run(script: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("The shell for network commands has ended"));
      const job = { mark: randomUUID(), script, resolve, reject };
      this.#jobs.push(job);
      if (this.#process === undefined) this.#startAnew();
      else this.#give(this.#process, job);
    });
  }

  /** Runs what was asked for and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting;
    const process = this.#process;
    process?.stdin.end();
    await process?.exited.catch(() => undefined);
  }

  #startAnew(): void {
    this.#starting ??= this.#gone.then(() => {
      this.#starting = undefined;
      this.#process = this.#start();
      for (const job of this.#jobs) this.#give(this.#process, job);
    });
  }

  /** In a subshell with an input of its own: a script that fails or exits must not end the others. */
  #give(process: Coprocess, { mark, script }: Job): void {
    if (this.#jobs[0]?.mark === mark) this.#watch();
    process.stdin.write(`(\n${script}\n) </dev/null 2>&1; echo "${mark} $?"\n`);
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
    this.#output.push(text);
    this.#outputLength += text.length;
    if (this.#outputLength > MAX_OUTPUT_BYTES) {
      this.#abandon(process, "A network command printed without end");
      return;
    }
    const recent = this.#seam + text;
    this.#seam = recent.slice(-SEAM_LENGTH);
    const [job] = this.#jobs;
    if (job !== undefined && recent.includes(job.mark)) this.#settle(this.#output.join(""));
  }

  #settle(output: string): void {
    let rest = output;
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      const at = rest.indexOf(`${job.mark} `);
      const lineEnd = at < 0 ? -1 : rest.indexOf("\n", at);
      if (lineEnd < 0) break;
      this.#jobs.shift();
      this.#watch();
      const printed = rest.slice(0, at);
      const status = rest.slice(at + job.mark.length + 1, lineEnd);
      rest = rest.slice(lineEnd + 1);
      if (status === "0") job.resolve(printed);
      else job.reject(new Error(printed.trim() || `A network command failed (${status})`));
    }
    this.#output = [rest];
    this.#outputLength = rest.length;
    this.#seam = rest.slice(-SEAM_LENGTH);
  }

  /** Over the script whose turn it is. */
  #watch(): void {
    clearTimeout(this.#deadline);
    const process = this.#process;
    if (this.#jobs.length === 0 || process === undefined) return;
    this.#deadline = setTimeout(() => this.#abandon(process, "A network command hangs"), SCRIPT_DEADLINE_MS);
    this.#deadline.unref();
  }

  /** With what it runs: a command that was given up must not take effect later. */
  #abandon(process: Coprocess, reason: string): void {
    process.kill();
    this.#end(process, new Error(reason));
  }

  #end(process: Coprocess, error: Error): void {
    if (process !== this.#process) return;
    this.#process = undefined;
    if (!this.#closed) {
      process.kill();
      this.#gone = left(process);
    }
    this.#output = [];
    this.#outputLength = 0;
    this.#seam = "";
    clearTimeout(this.#deadline);
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.reject(error);
  }
}

/** Resolves when all of its group has ended: whoever is left has its output open still. */
async function left({ stdout }: Coprocess): Promise<void> {
  if (stdout.closed) return;
  const closed = once(stdout, "close").catch(() => undefined);
  await Promise.race([closed, sleep(KILLED_DEADLINE_MS, undefined, { ref: false })]);
}
