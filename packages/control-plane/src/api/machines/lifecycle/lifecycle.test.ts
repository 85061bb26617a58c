/** What happened, by pages and as it happens. */
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { FastvmError, type LifecycleEvent } from "@fastvm/contract";
import { createApiServer } from "../../../http/api-server.ts";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";

let api: MachinesApp;
let url: string;

beforeEach(async () => {
  api = await machinesApp({ serverFactory: createApiServer().serverFactory });
  url = (await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
});
afterEach(() => api[Symbol.asyncDispose]());

const create = async (): Promise<string> => (await api.ok("POST /v1/machines", {})).id;
const words = (events: readonly LifecycleEvent[]) =>
  events.map(({ operation, status }) => `${operation} ${status}`);

const LIFE = [
  "create requested",
  "create succeeded",
  "timeout_updated succeeded",
  "hibernate requested",
  "hibernate succeeded",
  "resume_from_snapshot requested",
  "resume_from_snapshot succeeded",
  "snapshot_created requested",
  "snapshot_created succeeded",
  "destroy requested",
  "destroy succeeded",
];

async function live(id: string): Promise<void> {
  await api.ok(`POST /v1/machines/${id}/timeout`, { timeout_ms: 60_000 });
  await api.ok(`POST /v1/machines/${id}/pause`);
  await api.ok(`POST /v1/machines/${id}/resume`);
  const { id: snapshot } = await api.ok(`POST /v1/machines/${id}/snapshots`);
  await api.ok(`DELETE /v1/machines/${id}`);
  await api.ok(`GET /v1/snapshots/${snapshot}`);
}

describe("the list", () => {
  test("GET /v1/machines/{machineId}/lifecycle tells of one machine and its snapshots, also after its end", async () => {
    const id = await create();
    const other = await create();
    await live(id);
    const route = `GET /v1/machines/${id}/lifecycle`;
    const all = await api.ok(`${route}?order=asc`);
    expect(words(all.events)).toEqual(LIFE);
    expect(all).toMatchObject({ offset: 0, limit: 50, has_more: false });
    for (const event of all.events) expect(event).toMatchObject({ machine_id: id, audience: "customer" });
    expect((await api.ok(route)).events).toEqual(all.events.toReversed());
    const page = await api.ok(`${route}?order=asc&offset=2&limit=3`);
    expect(page).toEqual({ events: all.events.slice(2, 5), offset: 2, limit: 3, has_more: true });
    expect(words((await api.ok(`${route}?operation=hibernate&status=succeeded`)).events)).toEqual([
      "hibernate succeeded",
    ]);
    expect((await api.ok(`${route}?from=2100-01-01`)).events).toEqual([]);
    expect((await api.ok(`${route}?to=2100-01-01T00:00:00Z&limit=100`)).events).toHaveLength(LIFE.length);
    expect(words((await api.ok(`GET /v1/machines/${other}/lifecycle?order=asc`)).events)).toEqual(
      LIFE.slice(0, 2),
    );
  });

  test("GET /v1/lifecycle tells of all of the account", async () => {
    const ids = [await create(), await create()];
    const { events } = await api.ok("GET /v1/lifecycle?operation=create&status=succeeded&order=asc");
    expect(events.map((event: LifecycleEvent) => event.machine_id)).toEqual(ids);
  });

  test("of the account is narrowed to a machine, by whichever id, or a snapshot", async () => {
    const [id, other] = [await create(), await create()];
    await live(id);
    const of = async (query: string) => (await api.ok(`GET /v1/lifecycle?order=asc&${query}`)).events;
    expect(words(await of(`machine_id=${id}`))).toEqual(LIFE);
    expect(words(await of(`machine_id=${id}_2&operation=destroy&audience=customer`))).toEqual(LIFE.slice(-2));
    expect(words(await of(`machine_id=${other}`))).toEqual(LIFE.slice(0, 2));
    const { snapshots } = await api.ok("GET /v1/snapshots");
    expect(words(await of(`snapshot_id=${snapshots[0].id}`))).toEqual(LIFE.slice(7, 9));
    expect(await of(`snapshot_id=${snapshots[0].id}&machine_id=${other}`)).toEqual([]);
    for (const none of ["machine_id=mch_none", "snapshot_id=x"]) expect(await of(none)).toEqual([]);
  });

  test("tells what came of what, who asked for it, and what the machine was called then", async () => {
    const { id } = await api.ok("POST /v1/machines", { metadata: { team: "a" } });
    const other = await create();
    const { id: child } = await api.ok(`POST /v1/machines/${id}/fork`);
    await api.ok(`POST /v1/machines/${id}/pause`);
    const { id: resumed } = await api.ok(`POST /v1/machines/${id}/resume`);
    const { id: snapshot } = await api.ok(`POST /v1/machines/${id}/snapshots`);
    const { id: restored } = await api.ok("POST /v1/machines", { snapshot_id: snapshot });
    const of = async (query: string) => (await api.ok(`GET /v1/lifecycle?order=asc&${query}`)).events;
    const family = (source: string | null, target: string | null) => ({
      source_machine_id: source,
      target_machine_id: target,
    });
    expect(await of(`machine_id=${child}`)).toMatchObject([
      { operation: "fork", ...family(id, child), metadata: { team: "a" } },
      { operation: "create", ...family(id, child), metadata: { team: "a" } },
    ]);
    expect(words(await of(`source_machine_id=${id}`))).toEqual([
      "fork requested",
      "create succeeded",
      "resume_from_snapshot requested",
      "resume_from_snapshot succeeded",
      "snapshot_created requested",
      "snapshot_created succeeded",
      "create requested",
      "create succeeded",
    ]);
    const both = { events: 2, is: family(id, restored) };
    const made = await of(`target_machine_id=${restored}&source_machine_id=${resumed}`);
    expect({ events: made.length, is: made[0] }).toMatchObject(both);
    expect(await of(`snapshot_id=${snapshot}`)).toMatchObject([family(id, null), family(id, null)]);
    expect(words(await of(`target_machine_id=${id}`))).toEqual([
      "resume_from_snapshot requested",
      "resume_from_snapshot succeeded",
    ]);
    for (const none of [`source_machine_id=${other}`, `target_machine_id=${other}`, "source_machine_id=x"])
      expect(await of(none)).toEqual([]);
    const plain = await of(`machine_id=${other}`);
    expect(plain).toMatchObject([family(null, null), { metadata: {}, error_code: null }]);
    const users = new Set((await of("limit=100")).map(({ user_id }: LifecycleEvent) => user_id));
    expect([...users]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  test("tells by which code something failed", async () => {
    api.fastvm.worker.failNext("launch", new FastvmError("launch_failed", "no luck"));
    await api.call("POST /v1/machines", { metadata: { of: "us" } });
    const [failed] = (await api.ok("GET /v1/lifecycle?status=failed")).events;
    expect(failed).toMatchObject({
      operation: "create",
      error_code: "launch_failed",
      metadata: { of: "us" },
    });
    expect(failed.error_message).toContain("no luck");
  });

  test("tells why something failed", async () => {
    const id = await create();
    api.fastvm.worker.emit({ kind: "vm_failed", vmId: vmIdOf(id), reason: "it fell over" });
    await expect
      .poll(async () => (await api.ok(`GET /v1/machines/${id}/lifecycle?operation=reconcile`)).events)
      .toMatchObject([
        {
          status: "failed",
          reason: "it fell over",
          error_message: "it fell over",
          error_code: "vm_died",
          user_id: null,
        },
      ]);
  });

  test.each([
    "offset=-1",
    "limit=101",
    "order=up",
    "operation=none",
    "status=none",
    "from=x",
    "to=yesterday",
    "audience=operator",
  ])("with %s is refused", async (query) => {
    expect(await api.call(`GET /v1/lifecycle?${query}`)).toMatchObject({ status: 400 });
  });
});

interface Message {
  readonly type: string;
  readonly event?: LifecycleEvent;
}

class Listener {
  readonly messages: Message[] = [];
  readonly socket: WebSocket;

  constructor(path: string, key: string | null = api.key) {
    const headers = key === null ? {} : { authorization: `Bearer ${key}` };
    this.socket = new WebSocket(`${url}${path}`, { headers });
    this.socket.on("message", (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as Message));
  }

  get events(): readonly LifecycleEvent[] {
    return this.messages.flatMap(({ event }) => event ?? []);
  }

  get types(): readonly string[] {
    return this.messages.map(({ type }) => type);
  }

  /** With the status it is refused with; 101 where it is not. */
  async status(): Promise<number> {
    const refused = once(this.socket, "unexpected-response") as Promise<[unknown, { statusCode: number }]>;
    const opened = once(this.socket, "open");
    const status = await Promise.race([
      refused.then(([, answer]) => answer.statusCode),
      opened.then(() => 101),
    ]);
    this.socket.on("error", () => undefined).terminate();
    return status;
  }
}

describe.each(["", "/nullspace"])("the socket below %j", (base) => {
  test("replays, then tells what happens, each once and in order", async () => {
    const id = await create();
    await create();
    const listener = new Listener(`${base}/v1/machines/${id}/lifecycle/ws`);
    await expect.poll(() => listener.types).toEqual(["event", "event", "live"]);
    await live(id);
    await expect.poll(() => words(listener.events)).toEqual(LIFE);
    const { events } = await api.ok(`GET /v1/machines/${id}/lifecycle?order=asc`);
    expect(listener.events).toEqual(events);
    listener.socket.terminate();
  });

  test("goes on after an event that the client has seen, with nothing twice and nothing left out", async () => {
    const id = await create();
    await api.ok(`POST /v1/machines/${id}/pause`);
    const { events } = await api.ok(`GET /v1/machines/${id}/lifecycle?order=asc`);
    for (const [index, { id: seen }] of events.entries()) {
      const listener = new Listener(
        `${base}/v1/machines/${id}/lifecycle/ws?after_event_id=${seen}&live_only=true`,
      );
      const rest = events.slice(index + 1);
      await expect.poll(() => listener.types).toEqual([...rest.map(() => "event"), "live"]);
      expect(listener.events).toEqual(rest);
      listener.socket.terminate();
    }
  });

  test("skips the replay if only what is new is wanted, and bounds it", async () => {
    const id = await create();
    const fresh = new Listener(`${base}/v1/machines/${id}/lifecycle/ws?live_only=true`);
    const last = new Listener(`${base}/v1/lifecycle/ws?replay_limit=1`);
    await expect.poll(() => fresh.types).toEqual(["live"]);
    await expect.poll(() => last.types).toEqual(["event", "live"]);
    await api.ok(`DELETE /v1/machines/${id}`);
    await expect.poll(() => words(fresh.events)).toEqual(["destroy requested", "destroy succeeded"]);
    expect(words(last.events)).toEqual(["create succeeded", "destroy requested", "destroy succeeded"]);
    for (const { socket } of [fresh, last]) socket.terminate();
  });

  test("tells of what the URL has chosen, in the replay and live", async () => {
    const id = await create();
    const other = (await api.ok("POST /v1/machines", { metadata: { team: "a", tier: "1" } })).id;
    const listen = (query: string) => new Listener(`${base}/v1/lifecycle/ws?${query}`);
    const team = encodeURIComponent(JSON.stringify({ team: "a" }));
    const listeners = {
      one: listen(`machine_id=${id}`),
      destroyed: listen("operation=destroy&status=succeeded&audience=customer"),
      team: listen(`metadata=${team}`),
      none: listen(`metadata=${team}&machine_id=${id}`),
    };
    const all = Object.values(listeners);
    await expect.poll(() => all.every(({ types }) => types.includes("live"))).toBe(true);
    const third = (await api.ok("POST /v1/machines", { metadata: { team: "a" } })).id;
    for (const machine of [id, other, third]) await api.ok(`DELETE /v1/machines/${machine}`);
    const END = ["destroy requested", "destroy succeeded"];
    await expect.poll(() => listeners.team.events.length).toBe(8);
    expect(listeners.team.events.map((event) => event.machine_id)).toEqual([
      other,
      other,
      third,
      third,
      other,
      other,
      third,
      third,
    ]);
    await expect
      .poll(() => words(listeners.destroyed.events))
      .toEqual(Array.from({ length: 3 }, () => END[1]));
    expect(words(listeners.one.events)).toEqual(["create requested", "create succeeded", ...END]);
    expect(listeners.none.types).toEqual(["live"]);
    for (const { socket } of all) socket.terminate();
  });

  test("tells of what a message has chosen, which takes the place of what was chosen before", async () => {
    const [id, other] = [await create(), await create()];
    const listener = new Listener(`${base}/v1/lifecycle/ws?live_only=true&machine_id=${id}`);
    await expect.poll(() => listener.types).toEqual(["live"]);
    listener.socket.send(JSON.stringify({ type: "subscribe", machine_id: other, status: "succeeded" }));
    await expect.poll(() => listener.types).toEqual(["live", "subscribed"]);
    for (const machine of [id, other]) await api.ok(`DELETE /v1/machines/${machine}`);
    await expect.poll(() => words(listener.events)).toEqual(["destroy succeeded"]);
    expect(listener.events[0]?.machine_id).toBe(other);
    listener.socket.send(JSON.stringify({ type: "subscribe", operation: "none" }));
    await expect
      .poll(() => listener.messages.at(-1))
      .toMatchObject({ type: "error", code: "invalid_request" });
    const [code] =
      listener.socket.readyState === WebSocket.CLOSED ? [1011] : await once(listener.socket, "close");
    expect(code).toBe(1011);
  });

  test("is of the account whose key it is, and asks for one", async () => {
    const id = await create();
    const paths = [`${base}/v1/machines/${id}/lifecycle/ws`, `${base}/v1/lifecycle/ws`] as const;
    for (const path of paths) {
      expect(await new Listener(path, null).status()).toBe(401);
      expect(await new Listener(path, "ns_live_fvm_unknown").status()).toBe(401);
    }
    const stranger = new Listener(paths[0], api.otherKey);
    await expect.poll(() => stranger.messages).toMatchObject([{ type: "error", code: "machine_not_found" }]);
    const account = new Listener(paths[1], api.otherKey);
    await expect.poll(() => account.types).toEqual(["live"]);
    await api.ok(`DELETE /v1/machines/${id}`);
    const own = (await api.ok("POST /v1/machines", {}, { key: api.otherKey })).id;
    await expect.poll(() => account.events.length).toBe(2);
    expect(account.events.map((event) => event.machine_id)).toEqual([own, own]);
    account.socket.terminate();
  });

  test.each([
    "after_event_id=x",
    "replay_limit=1001",
    "replay_limit=-1",
    "operation=none",
    "status=none",
    "audience=operator",
    "metadata=x",
    'metadata={"a":1}',
  ])("with %s is refused", async (query) => {
    expect(await new Listener(`${base}/v1/lifecycle/ws?${query}`).status()).toBe(400);
  });

  test("at a path that is none is refused", async () => {
    expect(await new Listener(`${base}/v1/machines/%zz/lifecycle/wsx`).status()).toBe(401);
  });
});

function vmIdOf(machineId: string): never {
  return machineId.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") as never;
}
