import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "../../../http/api-server.ts";
import { TEST_KEY, testApp, type TestApp } from "../../../testing/test-app.ts";

const PORT = 8080;

describe("a port of a VM", () => {
  let api: TestApp;
  let url: string;
  let id: string;

  beforeEach(async () => {
    api = await testApp({ serverFactory: createApiServer().serverFactory });
    url = (await api.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
    id = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "dev" })).body.id;
    api.worker.echoPorts.add(PORT);
  });

  afterEach(() => api[Symbol.asyncDispose]());

  function open(vm: string, port: number | string = PORT, key: string = TEST_KEY): WebSocket {
    return new WebSocket(`${url}/v1/vms/${vm}/ports/${port}/ws`, { headers: { "x-api-key": key } });
  }

  /** Long before a close that the other side cannot read is given up, after 30 s. */
  const CLOSES_WITHIN_MS = 20_000;

  test("carries bytes both ways, and the end of each half", { timeout: CLOSES_WITHIN_MS }, async () => {
    const socket = open("dev");
    const frames: Buffer[] = [];
    let ends = 0;
    socket.on("message", (data: Buffer, isBinary: boolean) => (isBinary ? frames.push(data) : (ends += 1)));
    await once(socket, "open");
    const sent = Buffer.alloc(3_000_000, "0123456789");
    for (let at = 0; at < sent.length; at += 500_000) socket.send(sent.subarray(at, at + 500_000));
    socket.send("end");
    const [code] = await once(socket, "close");
    expect({ code, ends }).toEqual({ code: 1000, ends: 1 });
    expect(Buffer.concat(frames).equals(sent)).toBe(true);
  });

  test.each([
    ["401", () => open(id, PORT, "nobody's")],
    ["404", () => open("0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001")],
    ["502", () => open(id, 81)],
    ["400", () => open(id, 65_536)],
    ["400", () => open(id, 0)],
  ])("is refused with %s", async (status, attempt) => {
    const [error] = (await once(attempt(), "error")) as [Error];
    expect(error.message).toContain(status);
  });

  test("needs a running VM, and a key that may run things in it", async () => {
    await api.call(`POST /v1/vms/${id}/pause`);
    const [paused] = (await once(open(id), "error")) as [Error];
    expect(paused.message).toContain("409");
    await api.call(`POST /v1/vms/${id}/resume`);
    const { key } = (await api.call("POST /v1/org/keys", { scopes: ["read"] })).body;
    const [weak] = (await once(open(id, PORT, key), "error")) as [Error];
    expect(weak.message).toContain("403");
  });

  test("takes 64 connections into a VM at a time, and one more when one has gone", async () => {
    const all = Array.from({ length: 64 }, () => open(id));
    await Promise.all(all.map((socket) => once(socket, "open")));
    const [error] = (await once(open(id), "error")) as [Error];
    expect(error.message).toContain("429");
    all[0]?.terminate();
    await expect
      .poll(async () => {
        const next = open(id);
        return await Promise.race([
          once(next, "open").then(() => true),
          once(next, "error").then(() => false),
        ]);
      })
      .toBe(true);
  });
});
