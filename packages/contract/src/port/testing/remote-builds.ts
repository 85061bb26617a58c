/** Builds behind the wire of `remote-worker.ts`: both of its ends. */
import { FastvmError } from "../../errors/errors.ts";
import type { CallOptions } from "../call-options.ts";
import type { BuildEvent, BuildOrder, BuildState, ImageBuilds } from "../image-builds.ts";
import type { WirePeer } from "./wire-peer.ts";

export class RemoteBuilds implements ImageBuilds {
  readonly #peer: WirePeer;

  constructor(peer: WirePeer) {
    this.#peer = peer;
  }

  async start(order: BuildOrder): Promise<void> {
    await this.#peer.call("builds.start", [order]);
  }

  async follow(
    buildId: string,
    fromEvent: number,
    { signal }: CallOptions = {},
  ): Promise<AsyncIterable<BuildEvent>> {
    const handle = await this.#peer.call("builds.follow", [buildId, fromEvent], signal);
    const ask = async (method: string, own?: AbortSignal) =>
      (await this.#peer.call(method, [handle], own)) as IteratorResult<BuildEvent, undefined>;
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => ask("builds.next", signal),
        return: () => ask("builds.return"),
      }),
    };
  }

  async cancel(buildId: string): Promise<void> {
    await this.#peer.call("builds.cancel", [buildId]);
  }

  async list(): Promise<readonly BuildState[]> {
    return (await this.#peer.call("builds.list")) as BuildState[];
  }

  async forget(buildId: string): Promise<void> {
    await this.#peer.call("builds.forget", [buildId]);
  }
}

export class ServedBuilds {
  readonly #builds: ImageBuilds;
  readonly #views = new Map<number, AsyncIterator<BuildEvent>>();
  #nextHandle = 1;

  constructor(builds: ImageBuilds) {
    this.#builds = builds;
  }

  async handle(method: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const name = method.slice("builds.".length);
    if (name === "next" || name === "return") {
      const view = this.#views.get(args[0] as number);
      if (view === undefined) throw new FastvmError("not_found", `handle ${String(args[0])}`);
      return name === "next" ? await view.next() : await view.return?.();
    }
    if (name !== "follow") {
      const call = this.#builds[name as "cancel"] as unknown as (...all: unknown[]) => Promise<unknown>;
      if (typeof call !== "function") throw new FastvmError("invalid_request", method);
      return await call.apply(this.#builds, [...args]);
    }
    const view = await this.#builds.follow(args[0] as string, args[1] as number, { signal });
    this.#views.set(this.#nextHandle, view[Symbol.asyncIterator]());
    return this.#nextHandle++;
  }
}
