import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { makeHttp1Server, serveHttp1 } from "./http1.ts";

/** A busy machine runs a timer this late before it reads what has come. */
const HEAD_MS = 600;

/** A guest's end of a connection, and when ours was closed. */
async function served(): Promise<{ guest: Socket; isOpen: () => boolean }> {
  const server = makeHttp1Server(HEAD_MS);
  const listener = createServer((socket) => {
    socket.on("error", () => undefined);
    serveHttp1(socket, () => new Promise(() => undefined), server);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const guest = connect((listener.address() as AddressInfo).port, "127.0.0.1");
  guest.on("error", () => undefined).resume();
  onTestFinished(() => {
    guest.destroy();
    listener.close();
    server.close();
  });
  return { guest, isOpen: () => !guest.closed };
}

test("a head that comes byte by byte is waited for no longer than its limit", async () => {
  const beginMs = performance.now();
  const { guest } = await served();
  // A byte that was under way when it was closed has it reset.
  const closed = new Promise((resolve) => guest.once("close", resolve));
  const drip = setInterval(() => guest.write("a"), HEAD_MS / 10);
  onTestFinished(() => clearInterval(drip));
  guest.write("GET / HTTP/1.1\r\nX: ");
  await closed;
  expect(performance.now() - beginMs).toBeGreaterThanOrEqual(HEAD_MS);
});

test("whose head is there waits for as long as its server lets it", async () => {
  const { guest, isOpen } = await served();
  guest.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  await sleep(HEAD_MS * 2);
  expect(isOpen()).toBe(true);
});
