/** `client.vms.commands` and `client.vms.pty`: commands in the background and terminals by handles. */
import type { RequestOptions } from "../http/http-client.ts";
import type { VmRef } from "../vms/vm.ts";
import type { BackgroundExec, StartExecParams, TerminalSize } from "../exec/background-exec.ts";
import { CommandHandle } from "./command-handle.ts";
import type { Command } from "../exec/exec.ts";
import type { Execs } from "./execs.ts";

export type StartOptions = Omit<StartExecParams, "command" | "pty"> & RequestOptions;

export class Commands {
  readonly #execs: Execs;

  constructor(execs: Execs) {
    this.#execs = execs;
  }

  /** Starts a command that outlives this program. A string is run by `sh -c`. */
  async start(vm: VmRef, command: Command, options: StartOptions = {}): Promise<CommandHandle> {
    const [params, request] = split(options);
    return new CommandHandle(this.#execs, await this.#execs.start(vm, { command, ...params }, request));
  }

  /** Terminals included, oldest first. */
  async list(vm: VmRef, options?: RequestOptions): Promise<BackgroundExec[]> {
    return await this.#execs.list(vm, options);
  }

  /** A handle for a command that somebody else started. */
  async connect(vm: VmRef, execId: string, options?: RequestOptions): Promise<CommandHandle> {
    return new CommandHandle(this.#execs, await this.#execs.retrieve(vm, execId, {}, options));
  }

  /** `false` when it had ended. */
  async kill(vm: VmRef, execId: string, options?: RequestOptions): Promise<boolean> {
    return (await this.#execs.signal(vm, execId, { signal: "SIGKILL" }, options)).signalled;
  }

  async sendStdin(
    vm: VmRef,
    execId: string,
    data: string | Uint8Array,
    options?: RequestOptions,
  ): Promise<void> {
    await this.#execs.writeStdin(vm, execId, { data }, options);
  }
}

export interface CreatePtyOptions extends StartOptions, Partial<TerminalSize> {
  /** Default: a login shell, bash where there is one. */
  readonly command?: Command | undefined;
}

const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
const LOGIN_SHELL: Command = ["sh", "-c", 'exec "$(command -v bash || echo sh)" -l'];

export class Pty {
  readonly #execs: Execs;

  constructor(execs: Execs) {
    this.#execs = execs;
  }

  /** A shell on a terminal, 80 × 24 unless it is said otherwise. It lives until it ends or is killed, whoever is connected. */
  async create(vm: VmRef, options: CreatePtyOptions = {}): Promise<CommandHandle> {
    const { command = LOGIN_SHELL, cols = DEFAULT_SIZE.cols, rows = DEFAULT_SIZE.rows, ...others } = options;
    const [params, request] = split(others);
    const started = await this.#execs.start(vm, { command, pty: { cols, rows }, ...params }, request);
    return new CommandHandle(this.#execs, started);
  }

  async connect(vm: VmRef, execId: string, options?: RequestOptions): Promise<CommandHandle> {
    return new CommandHandle(this.#execs, await this.#execs.retrieve(vm, execId, {}, options));
  }

  /** As typed: `\r` is the return key, `\x03` Ctrl-C. */
  async sendInput(
    vm: VmRef,
    execId: string,
    data: string | Uint8Array,
    options?: RequestOptions,
  ): Promise<void> {
    await this.#execs.writeStdin(vm, execId, { data }, options);
  }

  async resize(vm: VmRef, execId: string, size: TerminalSize, options?: RequestOptions): Promise<void> {
    await this.#execs.resize(vm, execId, size, options);
  }

  /** `false` when it had ended. */
  async kill(vm: VmRef, execId: string, options?: RequestOptions): Promise<boolean> {
    return (await this.#execs.signal(vm, execId, { signal: "SIGKILL" }, options)).signalled;
  }
}

/** What starts the command, and what is of the request alone. */
function split(options: StartOptions): [Omit<StartExecParams, "command">, RequestOptions] {
  const { timeoutSec, env, cwd, user, keepStdin, keepOutputBytes, ...request } = options;
  return [{ timeoutSec, env, cwd, user, keepStdin, keepOutputBytes }, request];
}
