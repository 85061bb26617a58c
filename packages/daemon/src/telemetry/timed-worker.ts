/**
 * A worker whose work is timed, and traced where spans go anywhere. A command counts to its end: what is read of it is looked at for that
 * event alone.
 */
import { performance } from "node:perf_hooks";
import type { Span } from "@opentelemetry/api";
import type { ExecEvent, ExecSession, VmSpec, WorkerPort } from "@fastvm/contract";
import { endSpan, tracer } from "./spans.ts";

export interface TimedWork {
  readonly operation: (typeof VERBS)[keyof typeof VERBS] | "restore" | "exec";
  readonly outcome: "ok" | "error";
  readonly seconds: number;
}

type Tell = (work: TimedWork) => void;

/** The worker's verbs, by what they are counted as. */
const VERBS = {
  launch: "launch",
  resume: "resume",
  startVm: "start",
  stopVm: "stop",
  pause: "pause",
  fork: "fork",
  createSnapshot: "capture",
  deleteVm: "delete",
} as const satisfies Partial<Record<keyof WorkerPort, string>>;

export function timed<W extends WorkerPort>(worker: W, tell: Tell): W {
  return new Proxy(worker, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      // Its private parts are the target's alone.
      const call = member.bind(target) as (...args: readonly unknown[]) => Promise<unknown>;
      if (name === "exec") return timedExec(call as WorkerPort["exec"], tell);
      const verb = Object.hasOwn(VERBS, name) ? VERBS[name as keyof typeof VERBS] : undefined;
      if (verb === undefined) return call;
      return (...args: readonly unknown[]) =>
        timedCall(operationOf(verb, args[0]), vmIdIn(args[0]), () => call(...args), tell);
    },
  });
}

function operationOf(verb: (typeof VERBS)[keyof typeof VERBS], first: unknown): TimedWork["operation"] {
  return verb === "launch" && (first as VmSpec).source.kind === "snapshot" ? "restore" : verb;
}

function vmIdIn(first: unknown): string {
  return typeof first === "string" ? first : (first as VmSpec).vmId;
}

function timedCall<T>(
  operation: TimedWork["operation"],
  vmId: string,
  work: () => Promise<T>,
  tell: Tell,
): Promise<T> {
  return tracer().startActiveSpan(
    `vm.${operation}`,
    { attributes: { "fastvm.vm.id": vmId } },
    async (span) => {
      const end = ending(operation, span, tell);
      try {
        const result = await work();
        end();
        return result;
      } catch (error) {
        end(error);
        throw error;
      }
    },
  );
}

function timedExec(call: WorkerPort["exec"], tell: Tell): WorkerPort["exec"] {
  return async (vmId, spec, options) => {
    // Neither the command nor its variables: they may hold secrets.
    const span = tracer().startSpan("vm.exec", { attributes: { "fastvm.vm.id": vmId } });
    const end = ending("exec", span, tell);
    try {
      return untilExit(await call(vmId, spec, options), end);
    } catch (error) {
      end(error);
      throw error;
    }
  };
}

/** The same session. Whoever ends it early has ended the command, which is no failure of ours. */
function untilExit(session: ExecSession, end: (error?: unknown) => void): ExecSession {
  return new Proxy(session, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (name === Symbol.asyncIterator) return () => watched(target[Symbol.asyncIterator](), end);
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
  });
}

function watched(
  iterator: AsyncIterator<ExecEvent>,
  end: (error?: unknown) => void,
): AsyncIterator<ExecEvent> {
  return {
    next: async () => {
      try {
        const result = await iterator.next();
        if (result.done === true || result.value.kind === "exit") end();
        return result;
      } catch (error) {
        end(error);
        throw error;
      }
    },
    return: async (value?: unknown) => {
      end();
      return (await iterator.return?.(value)) ?? { done: true, value: undefined };
    },
  };
}

/** Counts what is told first. */
function ending(operation: TimedWork["operation"], span: Span, tell: Tell): (error?: unknown) => void {
  const startedAt = performance.now();
  let isOver = false;
  return (error) => {
    if (isOver) return;
    isOver = true;
    tell({
      operation,
      outcome: error === undefined ? "ok" : "error",
      seconds: (performance.now() - startedAt) / 1000,
    });
    endSpan(span, error);
  };
}
