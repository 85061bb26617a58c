/** Commands, terminals and watches against a server that cuts them off wherever it likes. The seed is in the test's name. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { Machine } from "../machines.ts";

const MACHINE = { id: "mch_1", status: "running", config: {}, metadata: {} };
const TEXT = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));

type Message = Readonly<Record<string, unknown>>;

class Host implements AsyncDisposable {
  readonly firsts: Message[] = [];
  readonly later: Message[] = [];
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #tell: (socket: WebSocket, first: Message) => void;
  readonly #server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(MACHINE));
  });

  constructor(tell: (socket: WebSocket, first: Message) => void) {
    this.#tell = tell;
    this.#server.on("upgrade", (request, socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#take(opened)),
    );
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

  #take(socket: WebSocket): void {
    socket.once("message", (data: Buffer) => {
      const first = JSON.parse(data.toString()) as Message;
      this.firsts.push(first);
      socket.on("message", (more: Buffer) => this.later.push(JSON.parse(more.toString()) as Message));
      this.#tell(socket, first);
    });
  }
}

const say = (socket: WebSocket, message: object): void => socket.send(JSON.stringify(message));

/** Writes a part, and cuts the connection after so many. */
function writes(partsBeforeCut: number) {
  return (socket: WebSocket, first: Message): void => {
    const kind = String(first["type"]).startsWith("pty") ? "pty" : "exec";
    let offset = Number(first["offset"] ?? 0);
    say(socket, { type: `${kind}_started`, pid: 7, offset, ...(kind === "pty" && { session_id: "pty_1" }) });
    for (let parts = 0; parts < partsBeforeCut && offset < TEXT.length; parts += 1) {
      const part = TEXT.subarray(offset, offset + 100);
      offset += part.length;
      const type = kind === "pty" ? "pty_output" : "exec_stdout";
      say(socket, { type, data: part.toString("base64"), offset });
    }
    if (offset < TEXT.length) return socket.close();
    say(socket, { type: kind === "pty" ? "pty_exited" : "exec_exit", exit_code: 3, timed_out: false });
  };
}

async function bytesOf(stream: AsyncIterable<{ readonly data: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of stream) parts.push(data);
  return Buffer.concat(parts);
}

it.each([1, 4, 99])(
  "a command is begun once and each byte comes once, cut off after %i parts",
  async (parts) => {
    await using host = new Host(writes(parts));
    const machine = await host.machine();
    const stream = await machine.commands.stream("sh", { args: ["-c", "x"], cwd: "/srv", timeout: 1.5 });
    expect(await bytesOf(stream)).toEqual(TEXT);
    expect(stream).toMatchObject({ pid: 7, exitCode: 3, isConnected: false });
    const [first, ...rest] = host.firsts;
    expect(first).toEqual({
      type: "exec_start",
      command: "sh",
      args: ["-c", "x"],
      cwd: "/srv",
      timeout_secs: 2,
    });
    expect(rest).toHaveLength(Math.ceil(11 / parts) - 1);
    expect(rest.every(({ type, pid }) => type === "exec_connect" && pid === 7)).toBe(true);
  },
);

it("a terminal is found again by its session", async () => {
  await using host = new Host(writes(6));
  const machine = await host.machine();
  const session = await machine.pty.create({ cols: 90, rows: 30 });
  expect(await bytesOf(session)).toEqual(TEXT);
  expect(session).toMatchObject({ sessionId: "pty_1", exitCode: 3 });
  const again = await machine.pty.connect("pty_1", { offset: 1000 });
  expect(await bytesOf(again)).toEqual(TEXT.subarray(1000));
  expect(host.firsts).toEqual([
    { type: "pty_create", cols: 90, rows: 30 },
    { type: "pty_connect", session_id: "pty_1", offset: 600 },
    { type: "pty_connect", session_id: "pty_1", offset: 1000 },
  ]);
});

it("what is typed is sent, and leaving it leaves it alone", async () => {
  await using host = new Host((socket) => say(socket, { type: "exec_started", pid: 7, offset: 0 }));
  const stream = await (await host.machine()).commands.stream("cat");
  stream.sendStdin("é", { close: true });
  stream.kill();
  await expect
    .poll(() => host.later)
    .toEqual([{ type: "exec_stdin", data: "w6k=", close: true }, { type: "exec_kill" }]);
  await stream.disconnect();
  expect(await stream.wait()).toBeUndefined();
  expect(() => stream.kill()).toThrow("not connected");
});

it("what is refused is thrown, and what was not answered is not begun again", async () => {
  await using host = new Host((socket) =>
    say(socket, { type: "error", code: "machine_not_ready", message: "it is paused" }),
  );
  const machine = await host.machine();
  await expect(machine.commands.stream("x")).rejects.toMatchObject({ code: "machine_not_ready" });
  await expect(machine.files.watchDir("/x")).rejects.toMatchObject({ code: "machine_not_ready" });
  await using mute = new Host((socket) => socket.terminate());
  await expect((await mute.machine()).commands.stream("x")).rejects.toMatchObject({
    code: "connection_failed",
  });
  expect(mute.firsts).toHaveLength(1);
});

it("a watch tells that it was cut off", async () => {
  await using host = new Host((socket) => {
    say(socket, { type: "watch_started", path: "/srv" });
    say(socket, { type: "watch_event", event: { type: "create", path: "/srv/a" } });
    socket.close();
  });
  const watch = await (await host.machine()).files.watchDir("/srv", { recursive: true });
  const seen: string[] = [];
  for await (const { type } of watch) if (seen.push(type) === 3) break;
  expect(seen).toEqual(["create", "overflow", "create"]);
  expect(host.firsts[0]).toEqual({ type: "watch_start", path: "/srv", recursive: true });
});

it("a monitor subscribes on each connection, and tells in the words of TypeScript", async () => {
  await using host = new Host((socket) => {
    say(socket, { type: "snapshot", id: "mch_1", machine: { timeout_ms: 1, metadata: { team_a: "x" } } });
    say(socket, { type: "metrics", id: "mch_1", metrics: { cpu_percent: 5 } });
    say(socket, { type: "processes", id: "mch_1", processes: [{ parent_pid: 1 }] });
    socket.close();
  });
  const seen: unknown[] = [];
  const machine = await host.machine();
  for await (const event of machine.monitor({ intervalMs: 500, includeProcesses: true })) {
    if (seen.push(event) === 4) break;
  }
  const snapshot = { type: "snapshot", id: "mch_1", machine: { timeoutMs: 1, metadata: { team_a: "x" } } };
  expect(seen).toEqual([
    snapshot,
    { type: "metrics", id: "mch_1", metrics: { cpuPercent: 5 } },
    { type: "processes", id: "mch_1", processes: [{ parentPid: 1 }] },
    snapshot,
  ]);
  expect(host.firsts[1]).toEqual({
    type: "monitor_subscribe",
    id: "mch_1",
    interval_ms: 500,
    include_processes: true,
  });
});
