/** A worker whose guests' uses are noticed, whichever part of the engine asks for them. */
import type {
  BackgroundExecs,
  ExecSession,
  FileAccess,
  GuestAccess,
  VmId,
  WorkerPort,
} from "@fastvm/contract";
import type { ActivityClock } from "./activity-clock.ts";

type Verb = Exclude<keyof GuestAccess, "execs" | "setAuthorizedKeys" | "mapToLoopback">;

/** What a client asks of a guest. What we do in it by ourselves is no use of it. */
const VERBS: ReadonlySet<PropertyKey> = new Set<Verb>([
  "exec",
  "dial",
  ...([
    "fileInfo",
    "listFiles",
    "makeFolder",
    "readFile",
    "removeFile",
    "renameFile",
    "setFileMode",
    "watchFiles",
    "writeFile",
  ] satisfies (keyof FileAccess)[]),
]);

export function noticing(worker: WorkerPort, clock: ActivityClock): WorkerPort {
  const execs = new Proxy<BackgroundExecs>(worker.execs, {
    get: (target, name) => noticed(target, Reflect.get(target, name), clock),
  });
  return new Proxy(worker, {
    get: (target, name) => {
      if (name === "execs") return execs;
      const member: unknown = Reflect.get(target, name);
      if (VERBS.has(name)) return noticed(target, member, clock);
      // Its private parts are the target's alone.
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
  });
}

type Asked = (vmId: VmId, ...rest: readonly unknown[]) => Promise<unknown>;

function noticed(target: object, member: unknown, clock: ActivityClock): unknown {
  if (typeof member !== "function") return member;
  return async (vmId: VmId, ...rest: readonly unknown[]) => {
    const end = clock.begin(vmId);
    try {
      const result = await (member as Asked).call(target, vmId, ...rest);
      return isStream(result) ? lasting(result, () => clock.begin(vmId)) : result;
    } finally {
      end();
    }
  };
}

type Stream = AsyncIterable<unknown> | ExecSession;

/** Not a connection, whose reader takes of it more than its iteration. */
function isStream(result: unknown): result is Stream {
  return (
    typeof result === "object" && result !== null && Symbol.asyncIterator in result && !("pipe" in result)
  );
}

/** The same, in use from its first reading to its end. */
function lasting(stream: Stream, begin: () => () => void): Stream {
  return new Proxy(stream, {
    get: (target, name) => {
      if (name === Symbol.asyncIterator) return () => counted(target[Symbol.asyncIterator](), begin);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
  });
}

/** Whoever ends it before the first reading ends what is below. */
function counted(iterator: AsyncIterator<unknown>, begin: () => () => void): AsyncIterableIterator<unknown> {
  let end: (() => void) | undefined;
  const counting: AsyncIterableIterator<unknown> = {
    next: async () => {
      end ??= begin();
      try {
        const result = await iterator.next();
        if (result.done === true) end();
        return result;
      } catch (error) {
        end();
        throw error;
      }
    },
    return: async (value?: unknown) => {
      end?.();
      return (await iterator.return?.(value)) ?? { done: true, value };
    },
    [Symbol.asyncIterator]: () => counting,
  };
  return counting;
}
