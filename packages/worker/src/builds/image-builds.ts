/** The builds of this daemon: which are under way, how the others ended. What a build does is its runner's. */
import { FastvmError } from "@fastvm/contract";
import type {
  BuildEvent,
  BuildOrder,
  BuildOutcome,
  BuildState,
  CallOptions,
  ImageBuilds,
} from "@fastvm/contract";
import { Build } from "./build.ts";
import { failedOutcome } from "./build-failure.ts";

/** Makes the image. A rejection is how the build fails, unless the signal is aborted; either way nothing is left of it by then. */
export type BuildRunner = (
  build: Build,
  signal: AbortSignal,
) => Promise<Omit<Extract<BuildOutcome, { readonly status: "succeeded" }>, "status">>;

interface BuildsOptions {
  readonly run: BuildRunner;
  /** Each has a VM of its own, which is busy most of the time. */
  readonly maxUnderWay: number;
  /** Told of failures that are the host's. */
  readonly onError: (error: unknown) => void;
}

/** Of builds that ended and that nobody has let go of, each with at most some MiB of log. */
const MAX_ENDED = 64;

interface Running {
  readonly build: Build;
  readonly ending: AbortController;
  readonly ended: Promise<void>;
}

export class WorkerBuilds implements ImageBuilds {
  readonly #options: BuildsOptions;
  readonly #builds = new Map<string, Running>();
  #isClosed = false;

  constructor(options: BuildsOptions) {
    this.#options = options;
  }

  async start(order: BuildOrder): Promise<void> {
    if (this.#builds.has(order.buildId))
      throw new FastvmError("conflict", "a build of this id is there already");
    const underWay = [...this.#builds.values()].filter(({ build }) => !build.hasEnded).length;
    if (this.#isClosed || underWay >= this.#options.maxUnderWay)
      throw new FastvmError("out_of_capacity", `${underWay} builds are under way`);
    this.#dropOldest();
    const [build, ending] = [new Build(order), new AbortController()];
    this.#builds.set(order.buildId, { build, ending, ended: this.#run(build, ending.signal) });
  }

  async follow(
    buildId: string,
    fromEvent: number,
    { signal }: CallOptions = {},
  ): Promise<AsyncIterable<BuildEvent>> {
    return this.#find(buildId).build.follow(fromEvent, signal);
  }

  async cancel(buildId: string): Promise<void> {
    const { ending, ended } = this.#find(buildId);
    ending.abort(new FastvmError("launch_failed", "the build was cancelled"));
    await ended;
  }

  async list(): Promise<readonly BuildState[]> {
    return [...this.#builds.values()].map(({ build }) => build.state);
  }

  async forget(buildId: string): Promise<void> {
    if (!this.#builds.has(buildId)) return;
    await this.cancel(buildId);
    this.#drop(buildId);
  }

  /** All are cancelled, and nothing of them runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#builds.keys()].map((buildId) => this.cancel(buildId)));
  }

  async #run(build: Build, signal: AbortSignal): Promise<void> {
    build.end(await this.#outcome(build, signal));
  }

  async #outcome(build: Build, signal: AbortSignal): Promise<BuildOutcome> {
    try {
      return { status: "succeeded", ...(await this.#options.run(build, signal)) };
    } catch (error) {
      if (signal.aborted) return { status: "cancelled" };
      const outcome = failedOutcome(error);
      if (outcome.fault === "host") this.#options.onError(error);
      return outcome;
    }
  }

  #dropOldest(): void {
    const ended = [...this.#builds].filter(([, { build }]) => build.hasEnded);
    for (const [buildId] of ended.slice(0, Math.max(0, ended.length - MAX_ENDED + 1))) this.#drop(buildId);
  }

  #drop(buildId: string): void {
    this.#builds.get(buildId)?.build.forget();
    this.#builds.delete(buildId);
  }

  #find(buildId: string): Running {
    const found = this.#builds.get(buildId);
    if (found === undefined) throw new FastvmError("not_found", "there is no build of this id");
    return found;
  }
}
