/**
 * A worker of whose guests' files, background commands and builds there are spans, too. Only where spans are sent: others have the worker
 * as it is. No span has a path, a name or a word of what clients send.
 */
import type { BuildEvent, BuildOrder, ImageBuilds, WorkerPort } from "@fastvm/contract";
import { context, SpanStatusCode, trace, type Context, type Span } from "@opentelemetry/api";
import { endSpan, tracer } from "./spans.ts";

const FILES = {
  fileInfo: "info",
  listFiles: "list",
  makeFolder: "make-folder",
  removeFile: "remove",
  renameFile: "rename",
  setFileMode: "set-mode",
  readFile: "read",
  writeFile: "write",
} as const satisfies Partial<Record<keyof WorkerPort, string>>;
/** Builds that this process has begun and whose end it has not seen. More are not followed. */
const MAX_BUILDS = 256;

type Call = (...args: readonly unknown[]) => Promise<unknown>;

export function traced<W extends WorkerPort>(worker: W): W {
  const builds = tracedBuilds(worker.builds);
  const execs = tracedMember(worker.execs, { start: "vm.exec.start" });
  return overlaid(worker, (name, call) => {
    if (name === "builds") return builds;
    if (name === "execs") return execs;
    if (!Object.hasOwn(FILES, name)) return undefined;
    return inSpan(`vm.files.${FILES[name as keyof typeof FILES]}`, call);
  });
}

/** Its private parts are the target's alone. */
function overlaid<T extends object>(target: T, over: (name: string, call: Call) => unknown): T {
  return new Proxy(target, {
    get: (_, name) => {
      const member: unknown = Reflect.get(target, name);
      const call = typeof member === "function" ? (member.bind(target) as Call) : undefined;
      const other = typeof name === "string" ? over(name, call ?? neverCalled) : undefined;
      return other ?? call ?? member;
    },
  });
}

function neverCalled(): Promise<never> {
  return Promise.reject(new Error("it is no function"));
}

function tracedMember<T extends object>(target: T, spans: Readonly<Record<string, string>>): T {
  return overlaid(target, (name, call) => {
    const span = Object.hasOwn(spans, name) ? spans[name] : undefined;
    return span === undefined ? undefined : inSpan(span, call);
  });
}

/** What is read counts to its end, or to where its reader leaves it. */
function inSpan(name: string, call: Call): Call {
  return (vmId, ...rest) => {
    const attributes = { "fastvm.vm.id": String(vmId) };
    return tracer().startActiveSpan(name, { attributes }, async (span) => {
      try {
        const result = await call(vmId, ...rest);
        if (isIterable(result)) return untilRead(result, span);
        span.end();
        return result;
      } catch (error) {
        endSpan(span, error);
        throw error;
      }
    });
  };
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function* untilRead(content: AsyncIterable<unknown>, span: Span): AsyncGenerator {
  try {
    yield* content;
  } catch (error) {
    endSpan(span, error);
    throw error;
  } finally {
    if (span.isRecording()) span.end();
  }
}

/** A build is one span from its order to its end, with one for each phase; whoever follows it first to each of these ends them. */
function tracedBuilds(builds: ImageBuilds): ImageBuilds {
  const live = new Map<string, LiveBuild>();
  const start = async (order: BuildOrder): Promise<void> => {
    const span = tracer().startSpan("build", { attributes: { "fastvm.build.id": order.buildId } });
    const build = new LiveBuild(span);
    try {
      await context.with(build.context, () => builds.start(order));
      if (live.size < MAX_BUILDS) live.set(order.buildId, build);
      else span.end();
    } catch (error) {
      endSpan(span, error);
      throw error;
    }
  };
  const follow: ImageBuilds["follow"] = async (buildId, fromEvent, options) =>
    watched(await builds.follow(buildId, fromEvent, options), (event, index) => {
      if (live.get(buildId)?.see(event, fromEvent + index) === "ended") live.delete(buildId);
    });
  const forget = async (buildId: string): Promise<void> => {
    live.get(buildId)?.end();
    live.delete(buildId);
    await builds.forget(buildId);
  };
  const own: Readonly<Record<string, unknown>> = { start, follow, forget };
  return overlaid(builds, (name) => (Object.hasOwn(own, name) ? own[name] : undefined));
}

async function* watched(
  events: AsyncIterable<BuildEvent>,
  see: (event: BuildEvent, index: number) => void,
): AsyncGenerator<BuildEvent> {
  let index = 0;
  for await (const event of events) {
    see(event, index);
    index += 1;
    yield event;
  }
}

class LiveBuild {
  readonly context: Context;
  readonly #span: Span;
  #seen = 0;
  #phase: Span | undefined;

  constructor(span: Span) {
    this.#span = span;
    this.context = trace.setSpan(context.active(), span);
  }

  see(event: BuildEvent, index: number): "ended" | undefined {
    if (index < this.#seen) return undefined;
    this.#seen = index + 1;
    if (event.kind === "phase") this.#turn(event);
    if (event.kind !== "ended") return undefined;
    const { status } = event.outcome;
    this.#span.setAttribute("fastvm.build.status", status);
    if (status === "failed") this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.end();
    return "ended";
  }

  end(): void {
    this.#phase?.end();
    this.#span.end();
  }

  #turn({ phase, status }: Extract<BuildEvent, { kind: "phase" }>): void {
    this.#phase?.end();
    this.#phase = status === "started" ? tracer().startSpan(`build.${phase}`, {}, this.context) : undefined;
  }
}
