/** What happened, by pages and as it happens. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { EventView } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "../../../http/api-server.ts";
import { OTHER_KEY, TEST_KEY, testApp, type TestApp } from "../../../testing/test-app.ts";

let api: TestApp;

beforeEach(async () => {
  api = await testApp({ serverFactory: createApiServer().serverFactory });
});
afterEach(() => api[Symbol.asyncDispose]());

async function launch(key = TEST_KEY): Promise<string> {
  return (await api.call("POST /v1/vms", { machineType: "c1m2" }, { key })).body.id as string;
}

const typesOf = (events: readonly EventView[]) => events.map(({ type }) => type);

const LIFE = [
  "vm.launch_requested",
  "vm.launch_succeeded",
  "vm.pause_started",
  "vm.pause_succeeded",
  "snapshot.snapshot_requested",
  "snapshot.capture_succeeded",
  "vm.delete_started",
  "vm.deleted",
];

async function live(): Promise<{ readonly vm: string; readonly snapshot: string }> {
  const vm = await launch();
  await api.call(`POST /v1/vms/${vm}/pause`);
  const { body } = await api.call("POST /v1/snapshots", { vmId: vm });
  await api.call(`DELETE /v1/vms/${vm}`);
  return { vm, snapshot: body.id as string };
}

describe("the socket at /v1/events/ws", () => {
  async function open(query: string, key = TEST_KEY): Promise<WebSocket> {
    const url = (await address()).replace("http", "ws");
    return new WebSocket(`${url}/v1/events/ws${query}`, { headers: { "x-api-key": key } });
  }

  test("tells what streams tell", async () => {
    const vm = await launch();
    await launch(OTHER_KEY);
    const socket = await open("?after=0");
    const told: { readonly type: string }[] = [];
    socket.on("message", (data: Buffer) => told.push(JSON.parse(data.toString()) as { type: string }));
    await expect.poll(() => told.map(({ type }) => type)).toEqual([...LIFE.slice(0, 2), "live"]);
    await api.call(`DELETE /v1/vms/${vm}`);
    await expect.poll(() => told.map(({ type }) => type).slice(3)).toEqual(LIFE.slice(-2));
    socket.terminate();
  });

  test.each([
    ["?after=x", TEST_KEY, 400],
    ["", "no key", 401],
  ])("with %s of %s is refused: %i", async (query, key, status) => {
    const [, response] = (await once(await open(query, key), "unexpected-response")) as [
      unknown,
      IncomingMessage,
    ];
    expect(response.statusCode).toBe(status);
    response.destroy();
  });
});

describe("a page of GET /v1/events", () => {
  test("tells who did what, oldest first, also of what is gone", async () => {
    const { vm } = await live();
    const { status, body } = await api.call("GET /v1/events");
    expect(status).toBe(200);
    expect(typesOf(body.events)).toEqual(LIFE);
    expect(body).toMatchObject({ hasMore: false, lastId: LIFE.length });
    expect(body.events.map(({ id }: EventView) => id)).toEqual(LIFE.map((_, index) => index + 1));
    expect(body.events[0]).toMatchObject({ subjectId: vm, toStatus: "provisioning" });
    expect(body.events[0].actor).toMatch(/^key:/);
    expect(body.events[0].fromStatus).toBeUndefined();
    expect(body.events.at(-1)).toMatchObject({ subjectId: vm, fromStatus: "deleting" });
  });

  test("goes on after a number, and is as long as asked for", async () => {
    await live();
    const { body } = await api.call("GET /v1/events?after=2&limit=3");
    expect(typesOf(body.events)).toEqual(LIFE.slice(2, 5));
    expect(body).toMatchObject({ hasMore: true, lastId: LIFE.length });
    const newest = await api.call("GET /v1/events?order=desc&limit=1");
    expect(typesOf(newest.body.events)).toEqual(LIFE.slice(-1));
  });

  test("has what is asked for only", async () => {
    const { vm, snapshot } = await live();
    const other = await launch();
    const of = async (query: string) => typesOf((await api.call(`GET /v1/events?${query}`)).body.events);
    expect(await of(`vm=${other}`)).toEqual(LIFE.slice(0, 2));
    expect(await of(`vm=${vm}&snapshot=${snapshot}`)).toEqual(LIFE);
    expect(await of(`snapshot=${snapshot}`)).toEqual(LIFE.slice(4, 6));
    expect(await of("type=vm.deleted,snapshot.capture_succeeded")).toEqual([LIFE[5], LIFE[7]]);
    // A cause of VMs that snapshots do not have.
    expect(await of("type=snapshot.pause_started")).toEqual([]);
    expect(await of("from=2100-01-01T00:00:00Z")).toEqual([]);
    expect(await of("to=2100-01-01T00:00:00Z&vm=none")).toEqual([]);
  });

  test("is of the caller's organisation", async () => {
    await launch();
    await launch(OTHER_KEY);
    const { body } = await api.call("GET /v1/events", undefined, { key: OTHER_KEY });
    expect(body).toMatchObject({ lastId: 2, events: [{ id: 1 }, { id: 2 }] });
  });

  test.each([
    ["after=-1", "after"],
    ["after=x", "after"],
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["order=up", "order"],
    ["type=vm", "type"],
    ["type=vm.deleted,", "type"],
    [`type=${"vm.a,".repeat(2000)}vm.a`, "type"],
    ["from=yesterday", "from"],
  ])("with %s is refused", async (query, field) => {
    const { status, body } = await api.call(`GET /v1/events?${query}`);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(field);
  });
});

/** What the connection tells until `count` of its parts were read. */
async function read(
  query: string,
  accept: string,
  count: number,
  separator: string,
  headers = {},
): Promise<string[]> {
  const url = await address();
  const gone = new AbortController();
  const answer = await fetch(`${url}/v1/events${query}`, {
    headers: { "x-api-key": TEST_KEY, accept, ...headers },
    signal: gone.signal,
  });
  expect(answer.headers.get("content-type")).toBe(accept);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split(separator).length > count) break;
  }
  gone.abort();
  return text.split(separator).slice(0, count);
}

async function address(): Promise<string> {
  const [known] = api.app.addresses();
  if (typeof known === "object") return `http://127.0.0.1:${known.port}`;
  return api.app.listen({ host: "127.0.0.1", port: 0 });
}

describe("a stream of GET /v1/events", () => {
  test("as server-sent events goes on after what a browser saw last", async () => {
    await live();
    const parts = await read("?after=0", "text/event-stream", 4, "\n\n", { "last-event-id": "5" });
    expect(parts.map((part) => part.split("\n")[0])).toEqual(["id: 6", "id: 7", "id: 8", "event: live"]);
    const [, data = ""] = parts[0]?.split("\ndata: ") ?? [];
    expect(JSON.parse(data)).toMatchObject({ id: 6, type: LIFE[5] });
  });

  test("as lines tells what there was, says so, and then what comes", async () => {
    const vm = await launch();
    const reading = read("?after=0&type=vm.launch_succeeded,vm.deleted", "application/x-ndjson", 3, "\n");
    await expect.poll(() => api.app.addresses().length).toBeGreaterThan(0);
    await api.call(`DELETE /v1/vms/${vm}`);
    const types = (await reading).map((line) => (JSON.parse(line) as EventView).type);
    expect(types.filter((type) => type !== "live")).toEqual(["vm.launch_succeeded", "vm.deleted"]);
    expect(types).toContain("live");
  });

  test("without a number begins with what comes; one of other records is a gap", async () => {
    await live();
    const [first] = await read("", "application/x-ndjson", 1, "\n");
    expect(JSON.parse(first ?? "")).toEqual({ type: "live" });
    const told = await read("?after=99", "application/x-ndjson", 2, "\n");
    expect(told.map((line) => JSON.parse(line) as unknown)).toEqual([{ type: "gap" }, { type: "live" }]);
  });

  test("that cannot be read is refused before it begins", async () => {
    const { status } = await api.call("GET /v1/events?after=x", undefined, {
      headers: { accept: "text/event-stream" },
    });
    expect(status).toBe(400);
    const bad = await api.call("GET /v1/events", undefined, {
      headers: { accept: "text/event-stream", "last-event-id": "x" },
    });
    expect(bad.status).toBe(400);
  });
});
