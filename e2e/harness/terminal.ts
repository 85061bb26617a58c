/** A real terminal around a program: tmux on a socket of its own, so that no other session of the machine is seen or touched. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { eventually } from "./eventually.ts";

const run = promisify(execFile);
/** An emulated guest that shares two cores with other tests may take seconds to draw. */
const SCREEN_DEADLINE_MS = 45_000;

interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export class Terminal implements AsyncDisposable {
  /** Not `default`, where the sessions of the machine's users are. */
  readonly #socket = `fastvm-test-${randomBytes(6).toString("hex")}`;

  private constructor() {}

  /** Starts a shell with this environment and nothing else; its prompt is `here$`. */
  static async open(size: TerminalSize, env: Readonly<Record<string, string>>): Promise<Terminal> {
    const terminal = new Terminal();
    const variables = Object.entries({ ...env, PS1: "here$ " }).map(([name, value]) => `${name}=${value}`);
    const shell = ["env", "-i", "TERM=screen-256color", "LANG=C.UTF-8", ...variables, "sh"];
    const dimensions = ["-x", String(size.cols), "-y", String(size.rows)];
    await terminal.#tmux("-f", "/dev/null", "new-session", "-d", ...dimensions, ...shell);
    await terminal.shows(/^here\$/m);
    return terminal;
  }

  /** Types the text as it is, without the Enter key. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", text);
  }

  /** Presses keys by the names that tmux gives them: `Enter`, `Escape`, `C-c`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  async enter(command: string): Promise<void> {
    await this.type(command);
    await this.press("Enter");
  }

  async resize({ cols, rows }: TerminalSize): Promise<void> {
    await this.#tmux("resize-window", "-x", String(cols), "-y", String(rows));
  }

  /** What is on the screen now, one line a row, without trailing blanks. */
  async screen(): Promise<string> {
    const { stdout } = await this.#tmux("capture-pane", "-p");
    return stdout.trimEnd();
  }

  /** Waits until the screen matches, and returns it; at the deadline throws with the screen that there was. */
  async shows(pattern: RegExp): Promise<string> {
    return await eventually(async () => {
      const screen = await this.screen();
      if (!pattern.test(screen)) throw new Error(`the terminal does not show ${String(pattern)}:\n${screen}`);
      return screen;
    }, SCREEN_DEADLINE_MS);
  }

  /** Waits until nothing on the screen matches. */
  async hides(pattern: RegExp): Promise<void> {
    await eventually(async () => {
      const screen = await this.screen();
      if (pattern.test(screen)) throw new Error(`the terminal still shows ${String(pattern)}:\n${screen}`);
    }, SCREEN_DEADLINE_MS);
  }

  /** Ends the programs in it as a closed terminal window does: by a hang-up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
  }

  async #tmux(...args: readonly string[]): Promise<{ stdout: string }> {
    return await run("tmux", ["-L", this.#socket, ...args], { encoding: "utf8", timeout: 10_000 });
  }
}
