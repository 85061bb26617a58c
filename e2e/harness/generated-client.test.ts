/** The habits themselves, against a server that answers as the script says. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { GeneratedClient } from "./generated-client.ts";

type Step = (response: ServerResponse, request: IncomingMessage) => void;

class Script implements AsyncDisposable {
  readonly requests: IncomingMessage[] = [];
  readonly #server;

  constructor(steps: readonly Step[]) {
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      request.resume();
      steps[Math.min(this.requests.length, steps.length) - 1]?.(response, request);
    });
  }

  async client(): Promise<GeneratedClient> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    const { port } = this.#server.address() as AddressInfo;
    return new GeneratedClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: "k" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const QUICK = { "retry-after-ms": "5" };
const answer =
  (status: number, headers: Record<string, string> = QUICK): Step =>
  (response) =>
    response.writeHead(status, headers).end("{}");

test.each([408, 409, 429, 500, 503])("%i is tried three times and counted", async (status) => {
  await using script = new Script([answer(status)]);
  const outcome = await (await script.client()).send("POST", "/x", { body: { a: 1 } });
  expect(outcome.attempts.map((attempt) => attempt.status)).toEqual([status, status, status]);
  expect(script.requests.map(({ headers }) => headers["x-stainless-retry-count"])).toEqual(["0", "1", "2"]);
});

test("x-should-retry decides, both ways", async () => {
  await using script = new Script([
    answer(400, { ...QUICK, "x-should-retry": "true" }),
    answer(500, { "x-should-retry": "false" }),
  ]);
  const outcome = await (await script.client()).send("POST", "/x");
  expect(outcome.attempts.map(({ status }) => status)).toEqual([400, 500]);
});

test("the wait is what the server asks for, else half a second and twice that", async () => {
  await using script = new Script([answer(503, { "retry-after": "1" }), answer(503, {}), answer(200)]);
  const outcome = await (await script.client()).send("GET", "/x");
  const [, first = 0, second = 0] = outcome.attempts.map(({ waitedMs }) => waitedMs);
  expect(first).toBe(1000);
  expect(second).toBeGreaterThanOrEqual(750);
  expect(second).toBeLessThanOrEqual(1000);
});

test("a broken connection and a silent server are tried again", async () => {
  await using script = new Script([(response) => response.destroy(), () => undefined, answer(200)]);
  const outcome = await (await script.client()).send("GET", "/x", { readTimeoutMs: () => 100 });
  expect(outcome.attempts.map(({ status }) => status)).toEqual([undefined, undefined, 200]);
  expect(outcome.attempts[1]?.failure).toBe("no byte for 100 ms");
});

test("any byte starts the read timeout anew", async () => {
  await using script = new Script([
    (response) => {
      const drip = setInterval(() => response.write(" "), 50);
      setTimeout(() => {
        clearInterval(drip);
        response.end("{}");
      }, 500);
    },
  ]);
  const outcome = await (await script.client()).send("GET", "/x", { readTimeoutMs: () => 200 });
  expect(outcome.attempts).toHaveLength(1);
  expect(JSON.parse(outcome.text)).toEqual({});
});
