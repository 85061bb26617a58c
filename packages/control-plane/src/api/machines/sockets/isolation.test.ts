/** Every WebSocket of this API, as the server has them, opened with the key of another organisation: it tells nothing of ours. */
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "../../../http/api-server.ts";
import { upgradePaths } from "../../../http/upgrades.ts";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";

const MARK = "of-ours-alone";

let api: MachinesApp;
let url: string;
let cases: readonly Case[];

interface Case {
  readonly path: string;
  /** What a client says first. */
  readonly message?: object;
  /** What it is told where there is nothing for it. */
  readonly told: object;
}

beforeAll(async () => {
  api = await machinesApp({ serverFactory: createApiServer().serverFactory });
  url = (await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
  const { id: volume } = await api.ok("POST /v1/volumes", { name: MARK });
  const { id } = await api.ok("POST /v1/machines", { metadata: { mark: MARK }, envs: { MARK } });
  const machine = { type: "error", code: "machine_not_found" };
  cases = [
    { path: `/v1/machines/${id}/ws`, message: { type: "exec_start", command: "true" }, told: machine },
    { path: `/v1/machines/${id}/metrics/ws`, told: machine },
    { path: `/v1/machines/${id}/lifecycle/ws`, told: machine },
    { path: "/v1/monitor/ws", message: { type: "monitor_subscribe", id }, told: machine },
    {
      path: `/v1/volumes/${volume}/ws`,
      message: { type: "watch_start", path: "/" },
      told: { type: "error", code: "volume_not_found" },
    },
    { path: `/v1/lifecycle/ws?machine_id=${id}&after_event_id=${eventId(0)}`, told: { type: "live" } },
  ];
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

/** Before all of them. */
function eventId(number: number): string {
  return `00000000-0000-8000-8000-${String(number).padStart(12, "0")}`;
}

/** The first thing that it is told. */
async function firstTold({ path, message }: Case, key: string): Promise<{ text: string; calls: number }> {
  const before = api.fastvm.worker.calls.length;
  const socket = new WebSocket(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  try {
    const told = once(socket, "message") as Promise<[Buffer]>;
    await once(socket, "open");
    if (message !== undefined) socket.send(JSON.stringify(message));
    return { text: (await told)[0].toString(), calls: api.fastvm.worker.calls.length - before };
  } finally {
    socket.on("error", () => undefined).terminate();
  }
}

test("each has its case", () => {
  const paths = upgradePaths(api.fastvm.app.server).filter(({ source }) => source.includes("nullspace"));
  expect(paths.length).toBeGreaterThan(0);
  for (const path of paths) {
    const meant = cases.filter((each) => path.test(each.path.replace(/\?.*$/, "")));
    expect(meant.length, path.source).toBeGreaterThan(0);
  }
});

test.each(["", "/nullspace"])(
  "below %j nothing of ours is told to another, nor asked of a VM",
  async (base) => {
    for (const each of cases) {
      const stranger = await firstTold({ ...each, path: `${base}${each.path}` }, api.otherKey);
      expect(JSON.parse(stranger.text), each.path).toMatchObject(each.told);
      expect(stranger.text).not.toContain(MARK);
      expect(stranger.calls, each.path).toBe(0);
      const own = await firstTold({ ...each, path: `${base}${each.path}` }, api.key);
      expect(JSON.parse(own.text), each.path).not.toMatchObject(each.told);
    }
  },
);
