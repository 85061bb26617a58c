/** The stream of events against a server that cuts it off wherever it likes. The seed is in the test's name. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { Machine } from "../machines.ts";
import { StreamPlace } from "./stream-place.ts";

const MACHINE = { id: "mch_1", status: "running", config: {}, metadata: {} };

function eventOf(number: number): object {
  return { id: `event-${number}`, operation: "timeout_updated", status: "succeeded", machine_id: "mch_1" };
}

/** Knows so many events, of which the last are still to happen. */
class History implements AsyncDisposable {
  happened: number;
  cuts = 0;
  readonly queries: URLSearchParams[] = [];
  readonly #count: number;
  #random: number;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #server = createServer((request, response) => {
    const newest = this.happened > 0 ? [eventOf(this.happened)] : [];
    const list = { events: newest, offset: 0, limit: 1, has_more: true };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(request.url?.includes("/lifecycle?") === true ? list : MACHINE));
  });

  constructor(seed: number, count: number, happened: number) {
    this.#random = seed;
    this.#count = count;
    this.happened = happened;
    this.#server.on("upgrade", (request, socket, head) => {
      const { searchParams } = new URL(request.url ?? "", "http://localhost");
      this.queries.push(searchParams);
      // As a daemon that is not back yet.
      if (this.#chance(0.2)) socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n");
      else this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#tell(opened, searchParams));
    });
  }

  async machine(): Promise<Machine> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return Machine.connect("mch_1", { apiKey: "ns_live_key", baseUrl: `http://127.0.0.1:${port}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #tell(socket: WebSocket, query: URLSearchParams): void {
    const after = query.get("after_event_id")?.split("-")[1];
    const replayed = Math.max(0, this.happened - Number(query.get("replay_limit") ?? 100));
    const start = after === undefined ? (query.has("live_only") ? this.happened : replayed) : Number(after);
    for (let number = start + 1; number <= this.#count; number += 1) {
      if (this.#chance(0.15)) {
        this.cuts += 1;
        socket.send(JSON.stringify({ type: "error", code: "internal", message: "cut" }));
        socket.close();
        return;
      }
      if (number > this.happened) {
        socket.send(JSON.stringify({ type: "live" }));
        this.happened = number;
      }
      socket.send(JSON.stringify({ type: "event", event: eventOf(number) }));
    }
  }

  /** Numerical Recipes' generator: the same for a seed on every machine. */
  #chance(probability: number): boolean {
    this.#random = (this.#random * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return this.#random / 2 ** 32 < probability;
  }
}

describe.each([1, 2])("seed %i", (seed) => {
  it.each([
    [{}, 1],
    [{ liveOnly: true }, 31],
    [{ replayLimit: 10 }, 21],
    [{ afterEventId: "event-12" }, 13],
    [{ replayLimit: 0 }, 31],
  ])("each event comes once and in order: %o", { timeout: 60_000 }, async (params, first) => {
    await using history = new History(seed, 80, 30);
    const got: string[] = [];
    for await (const { id } of (await history.machine()).streamEvents(params)) {
      got.push(id);
      if (id === "event-80") break;
    }
    expect(got).toEqual(Array.from({ length: 81 - first }, (_, index) => `event-${index + first}`));
    expect(history.cuts).toBeGreaterThan(0);
  });
});

it("a subscription hands events over until it is stopped", async () => {
  await using history = new History(4, 5, 0);
  const heard: string[] = [];
  const machine = await history.machine();
  const subscription = machine.subscribe({ onEvent: ({ id }) => heard.push(id) }, { liveOnly: true });
  await vi.waitFor(() => expect(heard).toHaveLength(5), 20_000);
  await subscription.stop();
  expect(heard).toEqual([1, 2, 3, 4, 5].map((number) => `event-${number}`));
});

describe("the place in a stream", () => {
  it("ends with what the server says is the end", () => {
    const place = new StreamPlace({});
    expect(() => place.take('{"type":"gap"}')).toThrow(expect.objectContaining({ code: "event_gap" }));
    const gone = '{"type":"error","code":"machine_not_found","message":"none"}';
    expect(() => place.take(gone)).toThrow(expect.objectContaining({ family: "not-found" }));
    expect(() => place.take("no JSON")).toThrow(expect.objectContaining({ code: "invalid_response" }));
  });

  it("grows patient, and forgets it when somebody is there", () => {
    const place = new StreamPlace({});
    const pauses = Array.from({ length: 20 }, () => place.pauseMs());
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(place.take('{"type":"live"}')).toBeUndefined();
    expect(place.pauseMs()).toBe(pauses[0]);
  });
});

it("filters are asked for anew by each connection", () => {
  const place = new StreamPlace({
    machineId: "mch_1",
    operation: "destroy",
    metadata: { team_a: "x" },
    replayLimit: 2,
  });
  const filters = { machine_id: "mch_1", operation: "destroy", metadata: '{"team_a":"x"}' };
  expect(place.query()).toEqual({ ...filters, replay_limit: "2" });
  place.take(JSON.stringify({ type: "event", event: { id: "event-7" } }));
  expect(place.query()).toEqual({ ...filters, after_event_id: "event-7" });
});
