/** Types the examples of the command's help, as they are but for what they name, and knows which nobody has typed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EXAMPLES } from "../../packages/cli/src/help/examples.ts";
import { bundled } from "../../packages/cli/src/testing/product.ts";
import { Terminal } from "./terminal.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = join(ROOT, "packages/cli/src/main.ts");
/** Far above what most of them need; then they are ended. */
const DEADLINE_MS = 400_000;
/** Of the terminal: no line of an example, nor of a table that it shows, is broken. */
const SIZE = { cols: 180, rows: 50 };

/** What a test has in place of what an example names. */
type Names = Readonly<Record<string, string>>;

/** By the command's path. */
type Examples = Readonly<Record<string, readonly string[]>>;

interface Which {
  readonly names?: Names;
  /** Of a command's examples. */
  readonly nth?: number;
}

export class ExampleTypist implements AsyncDisposable {
  /** Somebody's home, and of what a test makes for an example. */
  readonly home: string;
  readonly terminal: Terminal;
  readonly #env: Readonly<Record<string, string>>;
  readonly #examples: Examples;
  readonly #typed = new Set<string>();

  static async open(
    environment: Readonly<Record<string, string>>,
    examples: Examples = EXAMPLES,
  ): Promise<ExampleTypist> {
    const home = await mkdtemp(join(tmpdir(), "fastvm-examples-"));
    const program = join(home, "fastvm");
    const words = [process.execPath, "--conditions=development", bundled("fastvm") ?? MAIN];
    await writeFile(program, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`);
    await chmod(program, 0o755);
    await copyFile(join(ROOT, "README.md"), join(home, "README.md"));
    const path = `${home}:${process.env["PATH"] ?? ""}`;
    const env = { FASTVM_CONFIG_FILE: "/dev/null", ...environment, HOME: home, PATH: path };
    return new ExampleTypist(home, env, await Terminal.open(SIZE, env), examples);
  }

  private constructor(
    home: string,
    env: Readonly<Record<string, string>>,
    terminal: Terminal,
    examples: Examples,
  ) {
    this.#examples = examples;
    this.home = home;
    this.#env = env;
    this.terminal = terminal;
  }

  /** By a shell, to its end, which must be good; resolves to what it printed. */
  async type(path: string, which: Which = {}): Promise<string> {
    return await this.enter(this.#lineOf(path, which));
  }

  /** What is no example, and is needed for one. */
  async enter(line: string): Promise<string> {
    const shell = spawn("sh", ["-c", `fastvm ${line}`], {
      env: this.#env,
      cwd: this.home,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: DEADLINE_MS,
    });
    const [closed, ...printed] = await Promise.all([
      once(shell, "close"),
      shell.stdout.toArray(),
      shell.stderr.toArray(),
    ]);
    const [stdout = "", stderr = ""] = printed.map((chunks) => Buffer.concat(chunks).toString());
    if (closed[0] !== 0) throw new Error(`fastvm ${line}: ${closed.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  }

  /** By a shell on a terminal, where `act` reads and types until it has ended, with `code`. */
  async atTerminal(
    path: string,
    code: number,
    act: (terminal: Terminal) => Promise<void>,
    which: Which = {},
  ): Promise<void> {
    const { terminal } = this;
    await terminal.enter(`clear; fastvm ${this.#lineOf(path, which)}`);
    // Until the shell has come to it, the screen is that of the example before, which may have all that this one is to show.
    await terminal.hides(/here\$/);
    await act(terminal);
    await terminal.shows(/here\$$/m);
    // By itself: what Ctrl-C ends, ends the shell's whole line.
    await terminal.enter("echo code-$?");
    await terminal.shows(new RegExp(`^code-${code}$`, "m"));
  }

  /** Of the commands that `isMeant`, the lines that were not typed. */
  untyped(isMeant: (path: string) => boolean = () => true): readonly string[] {
    const meant = Object.entries(this.#examples).filter(([path]) => isMeant(path));
    return meant.flatMap(([, lines]) => lines).filter((line) => !this.#typed.has(line));
  }

  #lineOf(path: string, { names = {}, nth = 0 }: Which): string {
    const line = this.#examples[path]?.[nth];
    if (line === undefined) throw new Error(`there is no example ${nth} of ${path}`);
    this.#typed.add(line);
    let typed = line;
    for (const [from, to] of Object.entries(names)) {
      if (!line.includes(from)) throw new Error(`"${line}" does not name ${from}`);
      typed = typed.replaceAll(from, to);
    }
    return typed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
    await rm(this.home, { recursive: true, force: true });
  }
}
