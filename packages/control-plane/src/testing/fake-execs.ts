/** The background commands of the fake worker: it keeps what they print and how they end, as a guest does. It runs nothing. */
import { EventEmitter, once } from "node:events";
import {
  FastvmError,
  type AttachEvent,
  type BackgroundExecs,
  type BackgroundSpec,
  type CallOptions,
  type ExecEnd,
  type ExecEvent,
  type ExecInput,
  type ExecSpec,
  type ExecState,
  type OutputFrom,
  type TerminalSize,
  type VmId,
} from "@fastvm/contract";

type Output = Extract<AttachEvent, { data: unknown }>;

/** The worker as its commands see it. */
interface FakeHost {
  /** As every method of the worker begins: it is counted, held, aborted or fails, and the VM must run. */
  enter(method: keyof BackgroundExecs, vmId: VmId, signal: AbortSignal | undefined): Promise<void>;
  command(spec: ExecSpec): AsyncIterable<ExecEvent>;
}

const DEFAULT_KEEP_BYTES = 1024 * 1024;
const FIRST_PID = 1000;

class FakeExec {
  readonly execId: string;
  readonly spec: BackgroundSpec;
  readonly pid: number;
  readonly changes = new EventEmitter().setMaxListeners(0);
  readonly startedAtMs = Date.now();
  readonly #kept: Output[] = [];
  firstOffset = 0;
  endOffset = 0;
  end: ExecEnd | undefined;
  isRemoved = false;
  takesStdin: boolean;

  constructor(execId: string, pid: number, spec: BackgroundSpec) {
    this.execId = execId;
    this.pid = pid;
    this.spec = spec;
    this.takesStdin = spec.stdin === "open" || spec.pty !== undefined;
  }

  async run(events: AsyncIterable<ExecEvent>): Promise<void> {
    for await (const event of events) {
      if (this.end !== undefined) return;
      if (event.kind === "exit") return this.finish(event);
      this.#kept.push(event);
      this.endOffset += event.data.length;
      const keepBytes = this.spec.keepBytes ?? DEFAULT_KEEP_BYTES;
      while (this.endOffset - this.firstOffset > keepBytes)
        this.firstOffset += this.#kept.shift()?.data.length ?? 0;
      this.changes.emit("change");
    }
  }

  finish({ exitCode, timedOut, durationMs }: ExecEnd): void {
    this.end ??= { exitCode, timedOut, durationMs };
    this.takesStdin = false;
    this.changes.emit("change");
  }

  /** What stands at the offset, which is one that is kept. */
  at(offset: number): Output | undefined {
    let start = this.firstOffset;
    for (const event of this.#kept) {
      const end = start + event.data.length;
      if (offset < end) return { ...event, data: event.data.subarray(offset - start) };
      start = end;
    }
    return undefined;
  }

  get state(): ExecState {
    const { spec, execId, pid, end, takesStdin, startedAtMs, firstOffset, endOffset } = this;
    return {
      execId,
      pid,
      command: spec.command,
      isCut: false,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(spec.user === undefined ? {} : { user: spec.user }),
      ...(spec.pty === undefined ? {} : { pty: spec.pty }),
      takesStdin,
      startedAtMs,
      ...(end === undefined ? {} : { end }),
      output: { firstOffset, endOffset, restoredOffset: 0 },
      restores: 0,
    };
  }
}

export class FakeExecs implements BackgroundExecs {
  /** What they were given, and the sizes of their terminals. */
  readonly inputs: string[] = [];
  readonly sizes: string[] = [];
  readonly #host: FakeHost;
  readonly #execs = new Map<VmId, Map<string, FakeExec>>();
  #nextPid = FIRST_PID;

  constructor(host: FakeHost) {
    this.#host = host;
  }

  async start(vmId: VmId, execId: string, spec: BackgroundSpec, options: CallOptions = {}): Promise<void> {
    await this.#host.enter("start", vmId, options.signal);
    const execs = this.#of(vmId);
    if (execs.has(execId)) throw new FastvmError("conflict", "a command of this id is there already");
    const exec = new FakeExec(execId, this.#nextPid++, spec);
    execs.set(execId, exec);
    void exec.run(this.#host.command(spec));
  }

  async list(vmId: VmId, options: CallOptions = {}): Promise<readonly ExecState[]> {
    await this.#host.enter("list", vmId, options.signal);
    return [...this.#of(vmId).values()].map(({ state }) => state);
  }

  async get(vmId: VmId, execId: string, options: CallOptions = {}): Promise<ExecState> {
    await this.#host.enter("get", vmId, options.signal);
    return this.#find(vmId, execId).state;
  }

  async attach(
    vmId: VmId,
    execId: string,
    from: OutputFrom,
    options: CallOptions = {},
  ): Promise<AsyncIterable<AttachEvent>> {
    await this.#host.enter("attach", vmId, options.signal);
    return view(this.#find(vmId, execId), from, options.signal);
  }

  async writeStdin(vmId: VmId, execId: string, input: ExecInput, options: CallOptions = {}): Promise<void> {
    await this.#host.enter("writeStdin", vmId, options.signal);
    const exec = this.#find(vmId, execId);
    if (!exec.takesStdin) throw new FastvmError("conflict", "the command takes no more input");
    this.inputs.push(Buffer.from(input.data).toString());
    exec.takesStdin = !input.closes;
  }

  async signal(vmId: VmId, execId: string, signal: number, options: CallOptions = {}): Promise<boolean> {
    await this.#host.enter("signal", vmId, options.signal);
    const exec = this.#find(vmId, execId);
    if (exec.end !== undefined) return false;
    exec.finish({ exitCode: 128 + signal, timedOut: false, durationMs: 1 });
    return true;
  }

  async resize(vmId: VmId, execId: string, size: TerminalSize, options: CallOptions = {}): Promise<void> {
    await this.#host.enter("resize", vmId, options.signal);
    const exec = this.#find(vmId, execId);
    if (exec.spec.pty === undefined) throw new FastvmError("conflict", "the command has no terminal");
    this.sizes.push(`${size.cols}x${size.rows}`);
  }

  async remove(vmId: VmId, execId: string, options: CallOptions = {}): Promise<void> {
    await this.#host.enter("remove", vmId, options.signal);
    const exec = this.#find(vmId, execId);
    this.#of(vmId).delete(execId);
    exec.isRemoved = true;
    exec.changes.emit("change");
  }

  #of(vmId: VmId): Map<string, FakeExec> {
    const execs = this.#execs.get(vmId) ?? new Map<string, FakeExec>();
    this.#execs.set(vmId, execs);
    return execs;
  }

  #find(vmId: VmId, execId: string): FakeExec {
    const exec = this.#of(vmId).get(execId);
    if (exec === undefined) throw new FastvmError("not_found", "the VM has no command of this id");
    return exec;
  }
}

async function* view(
  exec: FakeExec,
  from: OutputFrom,
  signal: AbortSignal | undefined,
): AsyncGenerator<AttachEvent, void, undefined> {
  let offset = Math.max(exec.firstOffset, Math.min(from.offset, exec.endOffset));
  yield { kind: "at", offset };
  for (;;) {
    signal?.throwIfAborted();
    if (exec.isRemoved) throw new FastvmError("not_found", "the VM has no command of this id");
    if (offset < exec.firstOffset) {
      offset = exec.firstOffset;
      yield { kind: "at", offset };
    }
    const output = exec.at(offset);
    if (output !== undefined) {
      offset += output.data.length;
      yield output;
    } else if (exec.end !== undefined) {
      yield { kind: "exit", ...exec.end };
      return;
    } else if (!from.follow) {
      return;
    } else {
      await changed(exec, signal);
    }
  }
}

async function changed(exec: FakeExec, signal: AbortSignal | undefined): Promise<void> {
  try {
    await once(exec.changes, "change", signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.reason ?? error;
  }
}
