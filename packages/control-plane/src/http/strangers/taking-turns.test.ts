import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { takingTurns } from "./taking-turns.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

async function open(serve: RequestListener) {
  const server = createServer(takingTurns(serve, { requestsPerTurn: 4, pipelined: 64 }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const connection = () =>
    connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => undefined);
  return connection;
}

test("requests by the thousand end their connection; few were begun, and another connection's is", async () => {
  let begun = 0;
  const connection = await open((request, response) => {
    begun += 1;
    if (request.url === "/other") response.end("answer");
  });
  const other = connection();
  const flood = connection().resume();
  flood.write(REQUEST.repeat(1000));
  // Requests that were not read have it reset.
  await new Promise((resolve) => flood.once("close", resolve));
  expect(begun).toBeLessThanOrEqual(64);
  other.write(REQUEST.replace("/", "/other"));
  expect(String((await once(other, "data"))[0])).toMatch(/^HTTP\/1.1 200 /);
  other.destroy();
});

test("in one turn of the loop only so many are begun, and each gets its answer", async () => {
  let inTurn = 0;
  let most = 0;
  const connection = await open((_request, response) => {
    inTurn += 1;
    most = Math.max(most, inTurn);
    if (inTurn === 1) setImmediate(() => (inTurn = 0));
    response.end("x");
  });
  const socket = connection();
  socket.write(REQUEST.repeat(50));
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await expect.poll(() => text.split("HTTP/1.1 200").length - 1, { timeout: 20_000 }).toBe(50);
  // One turn's requests and the next one's may lie within one count.
  expect(most).toBeLessThanOrEqual(8);
  socket.destroy();
});
