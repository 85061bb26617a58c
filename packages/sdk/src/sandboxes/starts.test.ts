/** How long starts of sandboxes are waited for: over a wire that a test scripts. */
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { APIConnectionError, APIConnectionTimeoutError, VMNotReadyError } from "../index.ts";
import { SandboxesClient } from "../sandboxes.ts";
import { json, WireServer } from "../testing/wire-server.ts";

const STARTING = { id: "sb-1", name: "one", status: "starting" };
const ORDER = { name: "one", image: "base" };
const clientOf = (baseUrl: string, options: { timeoutMs?: number } = {}) =>
  new SandboxesClient({ apiKey: "msb_key", baseUrl, ...options });

afterEach(() => vi.useRealTimers());

it("keeps the caller's time: the server waits no longer, and then it is looked at", async () => {
  await using server = await WireServer.start(json(200, STARTING));
  const client = clientOf(server.url);
  for (const call of [client.create(ORDER, { timeoutMs: 1100 }), client.start("one", { timeoutMs: 1100 })]) {
    const begun = performance.now();
    await expect(call).rejects.toThrow(/not running after 1100 ms/);
    await expect(call).rejects.toBeInstanceOf(VMNotReadyError);
    expect(performance.now() - begun).toBeLessThan(5000);
  }
  const orders = server.requests.filter(({ method }) => method === "POST");
  expect(orders.map(({ url }) => new URLSearchParams(url.split("?")[1]).get("wait_timeout"))).toEqual([
    "1",
    "1",
  ]);
});

it("has the server answer within 20 s, and looks until it runs", async () => {
  await using server = await WireServer.start(
    json(200, STARTING),
    json(200, STARTING),
    json(200, { ...STARTING, status: "running" }),
  );
  expect(await clientOf(server.url).create(ORDER)).toMatchObject({ status: "running" });
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "GET"]);
  expect(server.requests[0]?.url).toBe("/v1/sandboxes?start=true&wait_for=running&wait_timeout=20");
});

it("has the server answer in half of the time that the client gives any call", async () => {
  await using server = await WireServer.start(json(200, { ...STARTING, status: "running" }));
  await clientOf(server.url, { timeoutMs: 8000 }).start("one");
  expect(server.requests[0]?.url).toMatch(/wait_timeout=4$/);
});

it.each([
  ["as long as the caller says", { timeoutMs: 600_000 }, 600_000],
  ["five minutes where nobody says", {}, 300_000],
])("waits for the answer to an order %s", async (_what, options, limitMs) => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  onTestFinished(() => timers.mockRestore());
  const fetch: typeof globalThis.fetch = () => Promise.reject(new TypeError("nobody is there"));
  const client = new SandboxesClient({
    apiKey: "msb_key",
    baseUrl: "http://unused.invalid",
    fetch,
    maxRetries: 0,
  });
  await expect(client.create(ORDER, options)).rejects.toBeInstanceOf(APIConnectionError);
  expect(timers.mock.calls.map(([, delayMs]) => delayMs)).toContain(limitMs);
});

it("waits for a server that hangs no longer than one answer takes, whatever the client gives any call", async () => {
  vi.useFakeTimers();
  let count = 0;
  const fetch: typeof globalThis.fetch = (_url, init) => {
    count += 1;
    if (count === 1) return Promise.resolve(Response.json(STARTING));
    return new Promise((_resolve, reject) =>
      init?.signal?.addEventListener("abort", () => reject(new Error("cut"))),
    );
  };
  const baseUrl = "http://unused.invalid";
  const client = new SandboxesClient({ apiKey: "msb_key", baseUrl, fetch, timeoutMs: 50_000, maxRetries: 5 });
  const failed = vi.fn<(error: unknown) => void>();
  const call = client.create(ORDER, { timeoutMs: 1000 }).catch(failed);
  await vi.advanceTimersByTimeAsync(6100);
  expect(failed.mock.calls[0]?.[0]).toBeInstanceOf(APIConnectionTimeoutError);
  await call;
});
