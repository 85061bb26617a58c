/** The builds of the fake worker: what they print and how they end is the test's to say. They make nothing. */
import { EventEmitter, once } from "node:events";
import {
  FastvmError,
  type BuildEvent,
  type BuildOrder,
  type BuildOutcome,
  type BuildPhase,
  type BuildState,
  type CallOptions,
  type ImageBuilds,
} from "@fastvm/contract";

/** What a build does in its phase `build`. A rejection is a failure of the host's; the signal is aborted by a cancel. */
type FakeDockerfile = (
  order: BuildOrder,
  log: (line: string) => void,
  signal: AbortSignal,
) => Promise<BuildOutcome>;

type Happening = BuildEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, "atMs">
    : never
  : never;

const BEFORE = ["preparing", "fetch_context", "pull"] as const satisfies readonly BuildPhase[];
const AFTER = ["export", "applying"] as const satisfies readonly BuildPhase[];
const MAX_ERROR_CHARS = 4096;

class FakeBuild {
  readonly order: BuildOrder;
  readonly ending = new AbortController();
  readonly changes = new EventEmitter().setMaxListeners(0);
  readonly events: BuildEvent[] = [];
  readonly startedAtMs = Date.now();
  phase: BuildPhase = "preparing";
  outcome: BuildOutcome | undefined;
  isForgotten = false;
  ended: Promise<void> = Promise.resolve();

  constructor(order: BuildOrder) {
    this.order = order;
  }

  async run(dockerfile: FakeDockerfile): Promise<void> {
    for (const phase of BEFORE)
      this.pass(
        phase,
        phase === "fetch_context" && this.order.context === undefined ? "skipped" : "completed",
      );
    this.phase = "build";
    this.happens({ kind: "phase", phase: "build", status: "started" });
    const outcome = await this.#outcome(dockerfile);
    const status = outcome.status === "succeeded" ? "completed" : outcome.status;
    this.happens({ kind: "phase", phase: "build", status });
    if (outcome.status === "succeeded") for (const phase of AFTER) this.pass(phase, "completed");
    this.outcome = outcome;
    this.happens({ kind: "ended", outcome });
  }

  pass(phase: BuildPhase, status: "completed" | "skipped"): void {
    this.phase = phase;
    if (status === "completed") this.happens({ kind: "phase", phase, status: "started" });
    this.happens({ kind: "phase", phase, status });
  }

  happens(event: Happening): void {
    this.events.push({ atMs: Date.now(), ...event });
    this.changes.emit("change");
  }

  get state(): BuildState {
    const { order, startedAtMs, phase, outcome, events } = this;
    const { buildId, orgId } = order;
    const ended = outcome === undefined ? {} : { outcome };
    return { buildId, orgId, startedAtMs, phase, ...ended, events: events.length };
  }

  async #outcome(dockerfile: FakeDockerfile): Promise<BuildOutcome> {
    const { signal } = this.ending;
    try {
      return await dockerfile(this.order, (line) => this.happens({ kind: "log", line }), signal);
    } catch (error) {
      if (signal.aborted) return { status: "cancelled" };
      return { status: "failed", fault: "host", error: String(error).slice(0, MAX_ERROR_CHARS) };
    }
  }
}

export class FakeBuilds implements ImageBuilds {
  /** Of those to come. */
  dockerfile: FakeDockerfile = async ({ buildId }) => builtImage(`localhost/build/${buildId}:latest`);
  /** What `start` was given, in order. */
  readonly orders: BuildOrder[] = [];
  /** The next starts reject with these. */
  readonly failures: unknown[] = [];
  readonly #builds = new Map<string, FakeBuild>();

  async start(order: BuildOrder): Promise<void> {
    this.orders.push(order);
    if (this.failures.length > 0) throw this.failures.shift();
    if (this.#builds.has(order.buildId))
      throw new FastvmError("conflict", "a build of this id is there already");
    const build = new FakeBuild(order);
    this.#builds.set(order.buildId, build);
    build.ended = build.run(this.dockerfile);
  }

  async follow(
    buildId: string,
    fromEvent: number,
    { signal }: CallOptions = {},
  ): Promise<AsyncIterable<BuildEvent>> {
    return view(this.#find(buildId), fromEvent, signal);
  }

  async cancel(buildId: string): Promise<void> {
    const build = this.#find(buildId);
    build.ending.abort();
    await build.ended;
  }

  async list(): Promise<readonly BuildState[]> {
    return [...this.#builds.values()].map(({ state }) => state);
  }

  async forget(buildId: string): Promise<void> {
    if (!this.#builds.has(buildId)) return;
    await this.cancel(buildId);
    this.lose(buildId);
  }

  /** As a daemon that ended and began again: it knows nothing of the build. */
  lose(buildId: string): void {
    const build = this.#find(buildId);
    build.isForgotten = true;
    build.changes.emit("change");
    this.#builds.delete(buildId);
  }

  #find(buildId: string): FakeBuild {
    const build = this.#builds.get(buildId);
    if (build === undefined) throw new FastvmError("not_found", "there is no build of this id");
    return build;
  }
}

/** What a build that succeeds ends with. */
export function builtImage(reference: string): BuildOutcome {
  const settings = {
    entrypoint: [],
    cmd: ["/bin/sh"],
    env: [],
    workdir: "",
    user: "",
    ports: [],
    labels: {},
  };
  const image = { reference, digest: `sha256:${"ab".repeat(32)}`, sizeBytes: 4096 };
  return {
    status: "succeeded",
    image: { ...image, settings: { ...settings, stopSignal: "" } },
    steps: { ran: 2, cached: 1 },
  };
}

async function* view(
  build: FakeBuild,
  fromEvent: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<BuildEvent, void, undefined> {
  let next = Math.min(fromEvent, build.events.length - (build.outcome === undefined ? 0 : 1));
  for (;;) {
    signal?.throwIfAborted();
    const event = build.events[next];
    if (event !== undefined) {
      next += 1;
      yield event;
      if (event.kind === "ended") return;
    } else if (build.isForgotten) {
      throw new FastvmError("not_found", "there is no build of this id");
    } else {
      await changed(build, signal);
    }
  }
}

async function changed(build: FakeBuild, signal: AbortSignal | undefined): Promise<void> {
  try {
    await once(build.changes, "change", signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.reason ?? error;
  }
}
