import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { QmpClient } from "./qmp-client.ts";
import { QmpError } from "./qmp-error.ts";

const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

/** A monitor that misbehaves on request; the real one is part of every VM test. */
describe("a monitor", () => {
  let folder: string;
  let path: string;
  let server: Server;
  let answer: (socket: Socket, id: number, command: string) => void;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-qmp-"));
    path = join(folder, "qmp.sock");
    answer = (socket, id) => socket.write(`{"return": {}, "id": ${id}}\n`);
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.write(GREETING);
      socket.on("data", (data) => {
        for (const line of data.toString().trim().split("\n")) {
          const { id, execute } = JSON.parse(line) as { id: number; execute: string };
          if (execute === "qmp_capabilities") socket.write(`{"return": {}, "id": ${id}}\n`);
          else answer(socket, id, execute);
        }
      });
    });
  });

  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  function listen(): Promise<void> {
    return new Promise((resolve) => server.listen(path, resolve));
  }

  async function connected(): Promise<QmpClient> {
    await listen();
    return await QmpClient.connect(path, 1000);
  }

  test("is waited for until it is there", async () => {
    const connecting = QmpClient.connect(path, 5000);
    setTimeout(() => void listen(), 50);
    const client = await connecting;
    expect(await client.execute("query-status")).toEqual({});
    client.close();
  });

  test("that never comes is given up at the deadline", async () => {
    await expect(QmpClient.connect(path, 50)).rejects.toThrow("ENOENT");
  });

  test("may answer in another order, in pieces, and with events between", async () => {
    const pending: [Socket, number][] = [];
    answer = (socket, id) => {
      pending.push([socket, id]);
      if (pending.length < 2) return;
      const [first, second] = pending;
      socket.write('{"event": "STOP", "data": {}}\n');
      socket.write(`{"return": "second", "id": ${second?.[1]}}\n{"return": "fi`);
      setTimeout(() => socket.write(`rst", "id": ${first?.[1]}}\n`), 10);
    };
    const client = await connected();
    const events: string[] = [];
    client.onEvent(({ event }) => events.push(event));
    expect(await Promise.all([client.execute("a"), client.execute("b")])).toEqual(["first", "second"]);
    expect(events).toEqual(["STOP"]);
    client.close();
  });

  test("that refuses a command says which", async () => {
    answer = (socket, id) =>
      socket.write(`{"error": {"class": "GenericError", "desc": "no such node"}, "id": ${id}}\n`);
    const client = await connected();
    const refusal = client.execute("blockdev-del");
    await expect(refusal).rejects.toThrow(QmpError);
    await expect(refusal).rejects.toThrow("QEMU refused blockdev-del: no such node");
    client.close();
  });

  test("that is silent fails the command at its deadline, not the connection", async () => {
    answer = (socket, id, command) => command === "quick" && socket.write(`{"return": 1, "id": ${id}}\n`);
    const client = await connected();
    await expect(client.execute("slow", undefined, 30)).rejects.toThrow("did not answer slow");
    expect(await client.execute("quick")).toBe(1);
    client.close();
  });

  test("that closes fails what was asked, and says so to who waits", async () => {
    answer = (socket) => socket.destroy();
    const client = await connected();
    await expect(client.execute("quit")).rejects.toThrow("lost during quit");
    expect((await client.closed).message).toBe("QEMU closed its monitor");
    await expect(client.execute("more")).rejects.toThrow("closed its monitor");
  });

  test("that sends what is not JSON, or never ends a line, is given up", async () => {
    answer = (socket) => socket.write("not json\n");
    const broken = await connected();
    await expect(broken.execute("x")).rejects.toThrow();
    answer = (socket) => socket.write("x".repeat(5 * 1024 * 1024));
    const endless = await QmpClient.connect(path, 1000);
    await expect(endless.execute("x")).rejects.toThrow();
    expect((await endless.closed).message).toBe("QEMU sent an endless line");
  });
});
