/** Commands in VMs that run: whose life is their caller's, and those in the background, which belong to their VM. */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import type {
  AttachEvent,
  BackgroundSpec,
  DialOptions,
  ExecInput,
  ExecSession,
  ExecSpec,
  ExecState,
  OutputFrom,
  TerminalSize,
  VmId,
} from "@fastvm/contract";
import type { Parts } from "../context.ts";

interface Signalled {
  readonly signal: AbortSignal;
}

/** Beyond any output: from now on. */
const FROM_NOW_ON: OutputFrom = { offset: Number.MAX_SAFE_INTEGER, follow: true };

/** For whoever was let to the VM (`Vms.getRunning`). What an id names is for the VM's guest to say: `not_found` when nothing. */
export class Execs {
  readonly #ctx: Parts<"worker">;

  constructor(ctx: Parts<"worker">) {
    this.#ctx = ctx;
  }

  /** The command lives no longer than the signal lets it. */
  start(vmId: VmId, spec: ExecSpec, options: Signalled): Promise<ExecSession> {
    return this.#ctx.worker.exec(vmId, spec, options);
  }

  /** A TCP port on the VM's loopback, or at an address that it reaches. The signal is for the connecting only. */
  dial(vmId: VmId, port: number, options: Signalled & Pick<DialOptions, "host">): Promise<Duplex> {
    return this.#ctx.worker.dial(vmId, port, options);
  }

  /** Starts a command in the background. One that cannot be started has ended already. */
  async spawn(vmId: VmId, spec: BackgroundSpec, options: Signalled): Promise<ExecState> {
    const execId = randomUUID();
    await this.#execs.start(vmId, execId, spec, options);
    return await this.#execs.get(vmId, execId, options);
  }

  /** Oldest first. */
  list(vmId: VmId, options: Signalled): Promise<readonly ExecState[]> {
    return this.#execs.list(vmId, options);
  }

  get(vmId: VmId, execId: string, options: Signalled): Promise<ExecState> {
    return this.#execs.get(vmId, execId, options);
  }

  /** Resolves when it has ended, or after the time. */
  async wait(vmId: VmId, execId: string, forMs: number, { signal }: Signalled): Promise<ExecState> {
    const enough = AbortSignal.timeout(forMs);
    try {
      const events = await this.#execs.attach(vmId, execId, FROM_NOW_ON, {
        signal: AbortSignal.any([signal, enough]),
      });
      for await (const event of events) if (event.kind === "exit") break;
    } catch (error) {
      if (!enough.aborted || signal.aborted) throw error;
    }
    return await this.#execs.get(vmId, execId, { signal });
  }

  /** As of the port. Whoever stops reading leaves the command alone. */
  attach(
    vmId: VmId,
    execId: string,
    from: OutputFrom,
    options: Signalled,
  ): Promise<AsyncIterable<AttachEvent>> {
    return this.#execs.attach(vmId, execId, from, options);
  }

  writeStdin(vmId: VmId, execId: string, input: ExecInput, options: Signalled): Promise<void> {
    return this.#execs.writeStdin(vmId, execId, input, options);
  }

  /** `false` when it had ended. */
  signal(vmId: VmId, execId: string, signal: number, options: Signalled): Promise<boolean> {
    return this.#execs.signal(vmId, execId, signal, options);
  }

  resize(vmId: VmId, execId: string, size: TerminalSize, options: Signalled): Promise<void> {
    return this.#execs.resize(vmId, execId, size, options);
  }

  /** Kills what runs of it. */
  remove(vmId: VmId, execId: string, options: Signalled): Promise<void> {
    return this.#execs.remove(vmId, execId, options);
  }

  get #execs() {
    return this.#ctx.worker.execs;
  }
}
