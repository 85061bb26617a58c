/** A command in the background, as a program holds it. The command is the VM's: letting go of the handle leaves it alone. */
import { APIConnectionError, CommandLostError } from "../errors.ts";
import { sleep } from "../http/deadline.ts";
import type { RequestOptions } from "../http/http-client.ts";
import type { VmRef } from "../vms/vm.ts";
import type { BackgroundExec, BackgroundExecEvent, TerminalSize } from "../exec/background-exec.ts";
import type { Execs } from "./execs.ts";

export interface OutputListeners {
  readonly onStdout?: ((data: Uint8Array) => void) | undefined;
  readonly onStderr?: ((data: Uint8Array) => void) | undefined;
  /** Output that was gone before it could be read. */
  readonly onLost?: ((bytes: number) => void) | undefined;
}

export interface FinishedCommand {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly durationMs: number;
  /** Output that the VM did not keep until it was read. */
  readonly lostBytes: number;
}

/** Of one reader, in a row, without anything read between. With their pauses some 20 s: a daemon that is started anew is back by then. */
const MAX_RECONNECTS = 10;
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 3000;

export class CommandHandle implements AsyncIterable<BackgroundExecEvent> {
  readonly id: string;
  /** In the guest. */
  readonly pid: number;
  readonly vmId: string;
  /** As it was when the handle was made or last asked. */
  state: BackgroundExec;
  readonly #execs: Execs;

  constructor(execs: Execs, state: BackgroundExec) {
    this.#execs = execs;
    this.id = state.id;
    this.pid = state.pid;
    this.vmId = state.vmId;
    this.state = state;
  }

  [Symbol.asyncIterator](): AsyncGenerator<BackgroundExecEvent, void, undefined> {
    return this.output();
  }

  /**
   * Its output from an offset on (default: all that is kept), then one exit. A connection that breaks is made anew,
   * and reading goes on where it was. Throws ConflictError while the VM is paused, NotFoundError when the command is no longer known.
   */
  async *output(
    params: { readonly offset?: number | undefined } = {},
    options: Pick<RequestOptions, "signal"> = {},
  ): AsyncGenerator<BackgroundExecEvent, void, undefined> {
    let offset = params.offset;
    for (let failures = 0; ; failures += 1) {
      try {
        for await (const event of this.#execs.follow(this.vmId, this.id, { offset }, options)) {
          if (event.type === "place") offset = event.offset;
          else if (event.type !== "exit") offset = (offset ?? 0) + event.data.length;
          if (event.type !== "place") failures = 0;
          yield event;
          if (event.type === "exit") return;
        }
      } catch (error) {
        if (!isCut(error) || failures === MAX_RECONNECTS) throw error;
      }
      await sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LAST_PAUSE_MS), options.signal);
    }
  }

  /** Resolves when it has ended, whatever its exit code, with all of its output that was kept. */
  async wait(
    listeners: OutputListeners = {},
    options: Pick<RequestOptions, "signal"> = {},
  ): Promise<FinishedCommand> {
    const [stdout, stderr] = [new TextDecoder(), new TextDecoder()];
    const text = { stdout: "", stderr: "" };
    let lostBytes = 0;
    for await (const event of this.output({}, options)) {
      if (event.type === "stdout") {
        text.stdout += stdout.decode(event.data, { stream: true });
        listeners.onStdout?.(event.data);
      } else if (event.type === "stderr") {
        text.stderr += stderr.decode(event.data, { stream: true });
        listeners.onStderr?.(event.data);
      } else if (event.type === "place") {
        lostBytes += event.lostBytes;
        if (event.lostBytes > 0) listeners.onLost?.(event.lostBytes);
      } else if (event.type === "exit") {
        const { exitCode, timedOut, durationMs } = event;
        text.stdout += stdout.decode();
        text.stderr += stderr.decode();
        return { exitCode, timedOut, durationMs, lostBytes, ...text };
      }
    }
    throw new APIConnectionError("The output ended before the command did");
  }

  /** How it is now. */
  async refresh(options?: RequestOptions): Promise<BackgroundExec> {
    this.state = await this.#execs.retrieve(this.vmId, this.id, {}, options);
    return this.state;
  }

  /** The same command in another VM: in a fork, or in a VM from a snapshot of this one. */
  async in(vm: VmRef, options?: RequestOptions): Promise<CommandHandle> {
    return new CommandHandle(this.#execs, await this.#execs.retrieve(vm, this.id, {}, options));
  }

  /** SIGKILL to the whole process group. `false` when it had ended. */
  kill(options?: RequestOptions): Promise<boolean> {
    return this.signal("SIGKILL", options);
  }

  async signal(signal: string, options?: RequestOptions): Promise<boolean> {
    return (await this.#execs.signal(this.vmId, this.id, { signal }, options)).signalled;
  }

  /** Resolves when the command has it. */
  async sendStdin(data: string | Uint8Array, options?: RequestOptions): Promise<void> {
    await this.#execs.writeStdin(this.vmId, this.id, { data }, options);
  }

  async closeStdin(options?: RequestOptions): Promise<void> {
    await this.#execs.writeStdin(this.vmId, this.id, { close: true }, options);
  }

  /** Of its terminal. */
  async resize(size: TerminalSize, options?: RequestOptions): Promise<void> {
    await this.#execs.resize(this.vmId, this.id, size, options);
  }
}

/** The reader was cut off, and the command may go on. A paused VM says so itself when it is asked again. */
function isCut(error: unknown): boolean {
  return error instanceof APIConnectionError || error instanceof CommandLostError;
}
