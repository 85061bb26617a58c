/** Commands in the background behind the wire of `remote-worker.ts`: both of its ends. */
import { FastvmError } from "../../errors/errors.ts";
import type { VmId } from "../../model/ids.ts";
import type {
  AttachEvent,
  BackgroundExecs,
  BackgroundSpec,
  ExecInput,
  ExecState,
  OutputFrom,
  TerminalSize,
} from "../background-execs.ts";
import type { CallOptions } from "../call-options.ts";
import type { WirePeer } from "./wire-peer.ts";

export class RemoteExecs implements BackgroundExecs {
  readonly #peer: WirePeer;

  constructor(peer: WirePeer) {
    this.#peer = peer;
  }

  async start(vmId: VmId, execId: string, spec: BackgroundSpec, { signal }: CallOptions = {}): Promise<void> {
    await this.#peer.call("execs.start", [vmId, execId, spec], signal);
  }

  async list(vmId: VmId, { signal }: CallOptions = {}): Promise<readonly ExecState[]> {
    return (await this.#peer.call("execs.list", [vmId], signal)) as ExecState[];
  }

  async get(vmId: VmId, execId: string, { signal }: CallOptions = {}): Promise<ExecState> {
    return (await this.#peer.call("execs.get", [vmId, execId], signal)) as ExecState;
  }

  async attach(
    vmId: VmId,
    execId: string,
    from: OutputFrom,
    { signal }: CallOptions = {},
  ): Promise<AsyncIterable<AttachEvent>> {
    const handle = await this.#peer.call("execs.attach", [vmId, execId, from], signal);
    const ask = async (method: string, own?: AbortSignal) =>
      (await this.#peer.call(method, [handle], own)) as IteratorResult<AttachEvent, undefined>;
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => ask("execs.next", signal),
        return: () => ask("execs.return"),
      }),
    };
  }

  async writeStdin(
    vmId: VmId,
    execId: string,
    input: ExecInput,
    { signal }: CallOptions = {},
  ): Promise<void> {
    await this.#peer.call("execs.writeStdin", [vmId, execId, input], signal);
  }

  async signal(vmId: VmId, execId: string, number: number, { signal }: CallOptions = {}): Promise<boolean> {
    return (await this.#peer.call("execs.signal", [vmId, execId, number], signal)) as boolean;
  }

  async resize(vmId: VmId, execId: string, size: TerminalSize, { signal }: CallOptions = {}): Promise<void> {
    await this.#peer.call("execs.resize", [vmId, execId, size], signal);
  }

  async remove(vmId: VmId, execId: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#peer.call("execs.remove", [vmId, execId], signal);
  }
}

export class ServedExecs {
  readonly #execs: BackgroundExecs;
  readonly #views = new Map<number, AsyncIterator<AttachEvent>>();
  #nextHandle = 1;

  constructor(execs: BackgroundExecs) {
    this.#execs = execs;
  }

  async handle(method: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const name = method.slice("execs.".length);
    if (name === "next" || name === "return") {
      const view = this.#views.get(args[0] as number);
      if (view === undefined) throw new FastvmError("not_found", `handle ${String(args[0])}`);
      return name === "next" ? await view.next() : await view.return?.();
    }
    const call = this.#execs[name as "list"] as unknown as (...all: unknown[]) => Promise<unknown>;
    if (typeof call !== "function") throw new FastvmError("invalid_request", method);
    const answer = await call.apply(this.#execs, [...args, { signal }]);
    if (name !== "attach") return answer;
    this.#views.set(this.#nextHandle, (answer as AsyncIterable<AttachEvent>)[Symbol.asyncIterator]());
    return this.#nextHandle++;
  }
}
