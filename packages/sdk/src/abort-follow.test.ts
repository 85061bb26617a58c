/** What is followed ends with its signal, and quietly, wherever it is by then. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { FastvmClient } from "./index.ts";
import { Machine } from "./machines.ts";
import { SandboxesClient } from "./sandboxes.ts";
import { json, NEVER, WireServer } from "./testing/wire-server.ts";
import type { WireHandler } from "./testing/wire-server.ts";

const SANDBOX = json(200, { id: "sb-1", name: "one", status: "running" });
const MACHINE = json(200, { id: "mch_1", status: "running", status_reason: null });
/** A stream that says nothing, and one that has ended. */
const SILENT: WireHandler = (_request, response) => response.writeHead(200).flushHeaders();
const ENDED: WireHandler = (_request, response) => void response.end();

const logs = (baseUrl: string, signal: AbortSignal) =>
  new SandboxesClient({ apiKey: "k", baseUrl }).logs("one", { signal });
const events = (baseUrl: string, signal: AbortSignal) =>
  new FastvmClient({ apiKey: "k", baseUrl }).events.follow({}, { signal });

it.each<[string, (url: string, signal: AbortSignal) => AsyncIterable<unknown>, WireHandler[]]>([
  ["a log whose sandbox is looked for", logs, [NEVER]],
  ["a log that is asked for", logs, [SANDBOX, NEVER]],
  ["a log that says nothing", logs, [SANDBOX, SILENT]],
  ["a log that is asked for again", logs, [SANDBOX, ENDED]],
  ["events of which the newest is asked for", events, [NEVER]],
  ["events that are asked for", events, [json(200, { events: [], lastId: 7 }), NEVER]],
  ["events that do not come", events, [json(200, { events: [], lastId: 7 }), SILENT]],
])("%s", async (_what, follow, answers) => {
  await using server = await WireServer.start(...answers);
  const end = new AbortController();
  const seen: unknown[] = [];
  const followed = (async () => {
    for await (const one of follow(server.url, end.signal)) seen.push(one);
  })();
  while (server.requests.length < answers.length) await delay(5);
  await delay(50);
  end.abort();
  await followed;
  expect(seen).toEqual([]);
  const asked = server.requests.length;
  await delay(300);
  expect(server.requests).toHaveLength(asked);
});

it("events of a machine of which the newest is asked for", async () => {
  await using server = await WireServer.start(MACHINE, NEVER);
  const machine = await Machine.connect("mch_1", { apiKey: "k", baseUrl: server.url });
  const next = machine.streamEvents({}, { signal: AbortSignal.timeout(50) }).next();
  expect(await next).toEqual({ done: true, value: undefined });
});
