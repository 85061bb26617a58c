/** `machine.commands`: commands that are waited for, and processes in the background. */
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import { sleep } from "../http/deadline.ts";
import { joinPath } from "../http/path.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import { MachineError } from "./machine-error.ts";
import { beginSession, CommandStream, type ConnectOptions } from "./machine-sessions.ts";
import type { CommandResult, ProcessInfo, ProcessLogs, RunParams } from "./types.ts";

/** A command's own limit must fit into the call's. */
const ANSWER_MARGIN_MS = 30_000;
/** A process in the background is asked for more seldom the longer it runs. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1000;

export class MachineCommands {
  readonly #connection: MachineConnection;
  readonly #path: string;

  constructor(connection: MachineConnection, machineId: string) {
    this.#connection = connection;
    this.#path = joinPath("v1", "machines", machineId);
  }

  /** Resolves when it has ended. Any exit code is a result. Rejects with `exec_timeout` when it was killed after `timeout` seconds. */
  run(command: string, params: RunParams = {}, options: CallOptions = {}): Promise<CommandResult> {
    return this.#exec(command, params, options);
  }

  /** The same in the background: resolves when it runs. */
  async start(
    command: string,
    params: RunParams = {},
    options: CallOptions = {},
  ): Promise<BackgroundCommand> {
    const { pid } = await this.#exec(command, { ...params, background: true }, options);
    return new BackgroundCommand(this, pid ?? 0);
  }

  /** The same as it writes: resolves when it runs. It goes on when its reader goes away. */
  stream(command: string, params: RunParams = {}, options: CallOptions = {}): Promise<CommandStream> {
    const { timeout, ...rest } = params;
    const timeoutSecs = timeout === undefined ? undefined : Math.ceil(timeout);
    const first = { type: "exec_start", command, ...rest, timeoutSecs };
    return beginSession(CommandStream, this.#connection.config, this.#path, first, options);
  }

  /** To one in the background, from an offset into all that it has written on. */
  connect(pid: number, { offset = 0, ...options }: ConnectOptions = {}): Promise<CommandStream> {
    const first = { type: "exec_connect", pid, offset };
    return beginSession(CommandStream, this.#connection.config, this.#path, first, options);
  }

  /** Those in the background, oldest first. */
  async list(options: CallOptions = {}): Promise<readonly ProcessInfo[]> {
    const { processes } = await this.#connection.call<{ readonly processes: readonly ProcessInfo[] }>(
      "GET",
      `${this.#path}/processes`,
      options,
    );
    return processes;
  }

  getLogs(pid: number, options: CallOptions = {}): Promise<ProcessLogs> {
    return this.#connection.call("GET", `${this.#path}/processes/${pid}/logs`, options);
  }

  /** How many bytes were sent. With `close` its stdin ends behind them. */
  async sendStdin(
    pid: number,
    data: string,
    { close, signal }: CallOptions & { readonly close?: boolean } = {},
  ): Promise<number> {
    const { bytesSent } = await this.#connection.call<{ readonly bytesSent: number }>(
      "POST",
      `${this.#path}/processes/${pid}/stdin`,
      { body: { data, close }, once: true, signal },
    );
    return bytesSent;
  }

  /** With all that it has started. False when it had ended. */
  async kill(pid: number, options: CallOptions = {}): Promise<boolean> {
    const path = `${this.#path}/processes/${pid}/kill`;
    const { killed } = await this.#connection.call<{ readonly killed: boolean }>("POST", path, {
      body: {},
      ...options,
    });
    return killed;
  }

  // Nobody knows how far one came whose answer was lost, so it is not sent again.
  #exec(
    command: string,
    { timeout, ...rest }: RunParams & { readonly background?: boolean },
    { signal }: CallOptions,
  ): Promise<CommandResult> {
    const timeoutSecs = timeout === undefined ? undefined : Math.ceil(timeout);
    return this.#connection.call("POST", `${this.#path}/exec`, {
      body: { command, ...rest, timeoutSecs },
      once: true,
      timeoutMs: Math.max(VM_WORK_TIMEOUT_MS, (timeoutSecs ?? 0) * 1000 + ANSWER_MARGIN_MS),
      signal,
    });
  }
}

/** A process in the background. It is the machine's: letting go of the handle leaves it alone. */
export class BackgroundCommand {
  readonly pid: number;
  readonly #commands: MachineCommands;

  constructor(commands: MachineCommands, pid: number) {
    this.pid = pid;
    this.#commands = commands;
  }

  /** Resolves when it has ended, whatever its exit code. Rejects with `timeout` after so many seconds; it goes on. */
  async wait({
    timeout = Infinity,
    signal,
  }: CallOptions & { readonly timeout?: number } = {}): Promise<CommandResult> {
    const deadline = Date.now() + timeout * 1000;
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 1.5, LAST_LOOK_MS)) {
      const { exitCode, stdout, stderr, lostBytes } = await this.getLogs({ signal });
      if (exitCode !== null) return { exitCode, stdout, stderr, pid: this.pid, truncated: lostBytes > 0 };
      if (Date.now() >= deadline) {
        const message = `process ${this.pid} has not ended after ${timeout} s`;
        throw new MachineError(message, { code: "timeout", retryable: true });
      }
      await sleep(pauseMs, signal);
    }
  }

  getLogs(options: CallOptions = {}): Promise<ProcessLogs> {
    return this.#commands.getLogs(this.pid, options);
  }

  sendStdin(data: string, options: CallOptions & { readonly close?: boolean } = {}): Promise<number> {
    return this.#commands.sendStdin(this.pid, data, options);
  }

  kill(options: CallOptions = {}): Promise<boolean> {
    return this.#commands.kill(this.pid, options);
  }
}
