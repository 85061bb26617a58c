import { AsyncLocalStorage } from "node:async_hooks";
import { context, ROOT_CONTEXT, trace, type Context } from "@opentelemetry/api";
import type { OrgId } from "@fastvm/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { causeOf, rememberCause } from "./event-causes.ts";

const ORG = "an-organisation" as OrgId;
const SPAN = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", traceFlags: 1 };

beforeAll(() => {
  const active = new AsyncLocalStorage<Context>();
  const manager = {
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: <A extends unknown[], R>(ctx: Context, work: (...args: A) => R, self?: unknown, ...args: A): R =>
      active.run(ctx, () => work.apply(self, args)),
    bind: <T>(_: Context, target: T): T => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
});
afterAll(() => context.disable());

const inTrace = (work: () => void): void => context.with(trace.setSpanContext(ROOT_CONTEXT, SPAN), work);

test("an event is in the trace in which it was written", () => {
  inTrace(() => rememberCause(ORG, 1));
  expect(trace.getSpanContext(causeOf(ORG, 1))).toEqual(SPAN);
});

test("an event that has the number of one that was undone is not in its trace", () => {
  inTrace(() => rememberCause(ORG, 2));
  rememberCause(ORG, 2);
  expect(trace.getSpanContext(causeOf(ORG, 2))).toBeUndefined();
});
