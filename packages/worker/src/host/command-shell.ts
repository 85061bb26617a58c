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

interface Job {
  readonly mark: string;
  readonly resolve: (output: string) => void;
  readonly reject: (error: Error) => void;
}

export class CommandShell {
  readonly #process: Coprocess;
  readonly #jobs: Job[] = [];
  #output = "";
  #ended: Error | undefined;

  /** What stands before a command to run it where the shell's commands run, such as in a network namespace. */
  readonly prefix: readonly string[];

  constructor(prefix: readonly string[] = []) {
    this.prefix = prefix;
    this.#process = startPrefixed(prefix, "sh");
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#process.exited.then(
      () => this.#end(new Error("The shell for network commands has ended")),
      (error: unknown) => this.#end(new Error("There is no shell for network commands", { cause: error })),
    );
  }

  /**
   * Runs a script after those before it, in a shell of its own, and resolves with what it printed. Rejects with what it printed, errors included, when
   * its status is not 0.
   */
  run(script: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const mark = randomUUID();
      this.#jobs.push({ mark, resolve, reject });
      // In a subshell with an input of its own: a script that fails or exits must not end the others.
      this.#process.stdin.write(`(\n${script}\n) </dev/null 2>&1; echo "${mark} $?"\n`);
    });
  }

  /** Runs what was asked for and ends. */
  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#process.exited.catch(() => undefined);
  }

  #read(text: string): void {
    this.#output += text;
    if (this.#output.length > MAX_OUTPUT_BYTES) {
      this.#process.kill();
      this.#end(new Error("A network command printed without end"));
    }
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      const at = this.#output.indexOf(`${job.mark} `);
      const lineEnd = at < 0 ? -1 : this.#output.indexOf("\n", at);
      if (lineEnd < 0) return;
      this.#jobs.shift();
      const printed = this.#output.slice(0, at);
      const status = this.#output.slice(at + job.mark.length + 1, lineEnd);
      this.#output = this.#output.slice(lineEnd + 1);
      if (status === "0") job.resolve(printed);
      else
        job.reject(
          new Error(printed.trim() === "" ? `A network command failed (${status})` : printed.trim()),
        );
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const job of this.#jobs.splice(0)) job.reject(this.#ended);
  }
}
