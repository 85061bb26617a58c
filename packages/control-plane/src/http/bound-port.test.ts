import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { bindPort } from "./bound-port.ts";

const HOST = "127.0.0.1";

async function ask(port: number): Promise<string> {
  const socket = connect(port, HOST);
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test("who connects before the server is there is served by it, as is who comes later", async () => {
  const bound = await bindPort(HOST, 0);
  const early = ask(bound.port);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const server = createServer((_request, response) => response.end("served"));
  bound.listen(server);
  expect(await early).toMatch(/served/);
  expect(await ask(bound.port)).toMatch(/served/);
  expect((server.address() as AddressInfo).port).toBe(bound.port);
  bound.close();
  expect(await ask(bound.port)).toMatch(/served/);
  server.close();
  await once(server, "close");
  await expect(ask(bound.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("a port is had once, and again when it was given up", async () => {
  const bound = await bindPort(HOST, 0);
  await expect(bindPort(HOST, bound.port)).rejects.toMatchObject({ code: "EADDRINUSE" });
  const early = ask(bound.port).catch(() => "cut");
  await new Promise((resolve) => setTimeout(resolve, 50));
  bound.close();
  expect(await early).toMatch(/^(cut)?$/);
  (await bindPort(HOST, bound.port)).close();
});
