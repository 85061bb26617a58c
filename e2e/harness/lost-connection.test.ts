import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLost } from "./lost-connection.ts";

const server = createServer((request, response) => {
  if (request.url === "/head") request.socket.destroy();
  else response.writeHead(200, { "content-length": 100 }).write("{", () => request.socket.destroy());
});
let url: string;

beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

const failure = (work: () => Promise<unknown>): Promise<unknown> => work().catch((error: unknown) => error);

test("a connection that breaks before the answer or in it is lost", async () => {
  expect(await failure(() => fetch(`${url}/head`))).toSatisfy(isLost);
  expect(await failure(async () => await (await fetch(`${url}/body`)).json())).toSatisfy(isLost);
  server.close();
  server.closeAllConnections();
  expect(await failure(() => fetch(url))).toSatisfy(isLost);
});

test("an answer that is no success and a mistake in the code are not", async () => {
  const nothing = undefined as unknown as { id: string };
  expect(await failure(async () => nothing.id)).not.toSatisfy(isLost);
  expect(await failure(() => fetch("no address"))).not.toSatisfy(isLost);
  expect(new Error("POST /: 500")).not.toSatisfy(isLost);
});
