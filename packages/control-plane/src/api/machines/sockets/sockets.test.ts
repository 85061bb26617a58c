/** Sockets of machines: commands, terminals, watches and figures, each from the first message to its end, and whose they are. */
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "../../../http/api-server.ts";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";

let api: MachinesApp;
let url: string;
let id: string;
const open: WebSocket[] = [];
/** Waits for a condition, on whatever machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000, interval: 20 });

// The first one loads what the others share, which takes its time where others use the machine too.
beforeEach(async () => {
  api = await machinesApp({ serverFactory: createApiServer().serverFactory });
  url = (await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
  ({ id } = await api.ok("POST /v1/machines", {}));
}, 60_000);
afterEach(async () => {
  for (const socket of open.splice(0)) socket.on("error", () => undefined).terminate();
  await api[Symbol.asyncDispose]();
});

interface Message {
  readonly type: string;
  readonly [name: string]: unknown;
}

class Client {
  readonly messages: Message[] = [];
  readonly socket: WebSocket;
  closed: number | undefined;

  constructor(path: string, key: string | null = api.key) {
    this.socket = new WebSocket(`${url}${path}`, {
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
    });
    open.push(this.socket);
    this.socket.on("message", (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as Message));
    this.socket.on("close", (code) => (this.closed = code));
  }

  async say(...messages: (object | string)[]): Promise<void> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, "open");
    for (const said of messages) this.socket.send(typeof said === "string" ? said : JSON.stringify(said));
  }

  get types(): readonly string[] {
    return this.messages.map(({ type }) => type);
  }

  of(type: string): readonly Message[] {
    return this.messages.filter((message) => message.type === type);
  }

  /** What was written, by the type of its messages. */
  text(type: string): string {
    return Buffer.concat(this.of(type).map(({ data }) => Buffer.from(String(data), "base64"))).toString();
  }

  /** With the status it is refused with; 101 where it is not. */
  async status(): Promise<number> {
    this.socket.on("error", () => undefined);
    const refused = once(this.socket, "unexpected-response") as Promise<[unknown, { statusCode: number }]>;
    return Promise.race([
      refused.then(([, answer]) => answer.statusCode),
      once(this.socket, "open").then(() => 101),
    ]);
  }
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const machine = (rest = "", key?: string | null) => new Client(`/v1/machines/${id}/ws${rest}`, key);

/** Writes a part at each call, until it is ended. */
function steps() {
  const parts: string[] = [];
  let wake: () => void = () => undefined;
  let isOver = false;
  api.fastvm.worker.command = async function* () {
    for (;;) {
      const part = parts.shift();
      if (part !== undefined) yield { kind: "stdout", data: Buffer.from(part) };
      else if (isOver) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    yield { kind: "exit", exitCode: 3, timedOut: false, durationMs: 1 };
  };
  return {
    write: (part: string): void => {
      parts.push(part);
      wake();
    },
    end: (): void => {
      isOver = true;
      wake();
    },
  };
}

describe("a command", () => {
  test("is told as it writes, and as it ends", async () => {
    api.fastvm.worker.command = async function* (spec) {
      yield { kind: "stdout", data: Buffer.from(spec.command.join(" ")) };
      yield { kind: "stderr", data: Buffer.from("err") };
      yield { kind: "exit", exitCode: 7, timedOut: false, durationMs: 1 };
    };
    const client = machine("?channel=exec");
    await client.say({ type: "exec_start", command: "a", args: ["b c"] });
    await soon(() => client.closed).toBe(1000);
    expect(client.messages).toEqual([
      { type: "exec_started", pid: expect.any(Number), offset: 0 },
      { type: "exec_stdout", data: base64("a b c"), offset: 5 },
      { type: "exec_stderr", data: base64("err"), offset: 8 },
      { type: "exec_exit", exit_code: 7, timed_out: false },
    ]);
  });

  test("outlives its sockets, and goes on for the next where the one before was", async () => {
    const { write, end } = steps();
    const first = machine();
    await first.say({ type: "exec_start", command: "a" });
    write("one ");
    await soon(() => first.text("exec_stdout")).toBe("one ");
    first.socket.terminate();
    write("two ");
    const [started] = first.of("exec_started");
    const [{ offset } = { offset: 0 }] = first.of("exec_stdout");
    const second = machine();
    await second.say({ type: "exec_connect", pid: started?.["pid"], offset });
    await soon(() => second.text("exec_stdout")).toBe("two ");
    write("three");
    end();
    await soon(() => second.of("exec_exit")).toMatchObject([{ exit_code: 3 }]);
    expect(second.text("exec_stdout")).toBe("two three");
    const whole = machine();
    await whole.say({ type: "exec_connect", pid: started?.["pid"] });
    await soon(() => whole.types.at(-1)).toBe("exec_exit");
    expect(whole.text("exec_stdout")).toBe("one two three");
  });

  test("takes its stdin, in order, and is killed", async () => {
    steps();
    const client = machine();
    await client.say(
      { type: "exec_start", command: "cat" },
      ...["a", "b", "c"].map((data) => ({ type: "exec_stdin", data: base64(data) })),
    );
    await soon(() => api.fastvm.worker.execs.inputs.join("")).toBe("abc");
    await client.say({ type: "pty_resize", cols: 1, rows: 1 });
    await soon(() => client.of("error")).toMatchObject([{ code: "invalid_request", field: "type" }]);
    await client.say({ type: "exec_kill" });
    await soon(() => client.of("exec_exit")).toHaveLength(1);
  });

  test.each<[string, object | string, string]>([
    ["that is no JSON", "{", "invalid_request"],
    ["of no type", { type: "exec_begin" }, "invalid_request"],
    ["without what it needs", { type: "exec_start" }, "invalid_request"],
    ["with more than is known", { type: "exec_start", command: "a", uid: 0 }, "invalid_request"],
    ["of another channel", { type: "watch_start", path: "/" }, "invalid_request"],
    [
      "in the reserved folder",
      { type: "exec_start", command: "a", cwd: "/workspace/.nullspace" },
      "invalid_request",
    ],
    ["of a process that is none", { type: "exec_connect", pid: 99_999 }, "process_not_found"],
  ])("%s is refused", async (_what, said, code) => {
    const client = machine("?channel=exec");
    await client.say(said);
    await soon(() => client.closed).toBe(1011);
    expect(client.messages).toMatchObject([{ type: "error", code }]);
  });
});

describe("a terminal", () => {
  test("is used, resized, left, found again and listed, and ends", async () => {
    const { write, end } = steps();
    const first = machine("?channel=pty");
    await first.say({ type: "pty_create", cols: 80, rows: 24 }, { type: "pty_resize", cols: 90, rows: 30 });
    await soon(() => api.fastvm.worker.execs.sizes.at(-1)).toBe("90x30");
    await first.say({ type: "pty_input", data: base64("ls\n") });
    await soon(() => api.fastvm.worker.execs.inputs.join("")).toBe("ls\n");
    write("$ ");
    await soon(() => first.text("pty_output")).toBe("$ ");
    first.socket.terminate();
    const [started] = first.of("pty_started");
    const session = String(started?.["session_id"]);
    const { sessions } = await api.ok(`GET /v1/machines/${id}/pty`);
    expect(sessions).toMatchObject([{ session_id: session, pid: started?.["pid"], running: true }]);
    const size = { cols: 100, rows: 40 };
    expect(await api.ok(`POST /v1/machines/${id}/pty/${session}/resize`, size)).toEqual(size);
    expect(api.fastvm.worker.execs.sizes.at(-1)).toBe("100x40");
    const second = machine();
    await second.say({ type: "pty_connect", session_id: session, offset: 2 });
    write("more");
    end();
    await soon(() => second.types.at(-1)).toBe("pty_exited");
    expect(second.text("pty_output")).toBe("more");
    expect(await api.ok(`POST /v1/machines/${id}/pty/${session}/kill`)).toEqual({ killed: false });
    const byNumber = machine();
    await byNumber.say({ type: "pty_connect", pid: started?.["pid"] });
    await soon(() => byNumber.text("pty_output")).toBe("$ more");
  });

  test("is no process in the background for its socket, and none of another name is found", async () => {
    steps();
    const first = machine();
    await first.say({ type: "exec_start", command: "a" });
    await soon(() => first.types).toEqual(["exec_started"]);
    const [started] = first.of("exec_started");
    const second = machine();
    await second.say({ type: "pty_connect", pid: started?.["pid"] });
    await soon(() => second.messages).toMatchObject([{ type: "error", code: "process_not_found" }]);
    const none = await api.call(`POST /v1/machines/${id}/pty/pty_1/kill`);
    expect(none).toMatchObject({ status: 404, body: { code: "process_not_found" } });
  });
});

describe("a watch", () => {
  test("tells what happens in a folder", async () => {
    await api.ok(`POST /v1/machines/${id}/files/mkdir`, { path: "/srv/a" });
    const client = machine("?channel=watch");
    await client.say({ type: "watch_start", path: "/srv/./a" });
    await soon(() => client.messages).toEqual([{ type: "watch_started", path: "/srv/a" }]);
    const content = `/v1/machines/${id}/files/content?path=/srv/a/b`;
    await api.ok(`PUT ${content}`, undefined, { payload: "x" });
    await soon(() => client.of("watch_event").at(0)).toMatchObject({
      event: { type: "create", path: "/srv/a/b" },
    });
  });

  test.each(["/none", "relative", "/workspace/.nullspace"])("of %s is refused", async (path) => {
    const client = machine();
    await client.say({ type: "watch_start", path });
    await soon(() => client.closed).toBe(1011);
    expect(client.types).toEqual(["error"]);
  });
});

const LOOK = `cpu  1 0 1 8 0 0 0 0 0 0
cpu0 1 0 1 8 0 0 0 0 0 0
MemTotal: 100 kB
MemAvailable: 40 kB
1 (init) S 0 1 1 0 -1 4 5 6 7 8 30 20 0 0 20 0 1 0 1 1000 25 1
`;

describe("figures", () => {
  beforeEach(() => {
    api.fastvm.worker.command = async function* () {
      yield { kind: "stdout", data: Buffer.from(LOOK) };
      yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
    };
  });

  const FIGURES = {
    cpu_count: 1,
    memory_total_bytes: 102_400,
    memory_used_bytes: 61_440,
    disk_used_bytes: null,
  };

  test("are told once, and are no use of the machine", async () => {
    const before = (await api.ok(`GET /v1/machines/${id}`)).last_active_at;
    const { metrics } = await api.ok(`GET /v1/machines/${id}/metrics`);
    expect(metrics).toMatchObject([{ ...FIGURES, cpu_percent: 20 }]);
    expect((await api.ok(`GET /v1/machines/${id}`)).last_active_at).toBe(before);
  });

  test("are told over and over, as quickly as is allowed", async () => {
    const client = new Client(`/v1/machines/${id}/metrics/ws?interval_ms=1`);
    await soon(() => client.types.slice(0, 2)).toEqual(["metrics", "metrics"]);
    expect(client.messages[0]).toMatchObject({ id, metrics: FIGURES });
    expect(await new Client(`/v1/machines/${id}/metrics/ws?interval_ms=x`).status()).toBe(400);
  });

  test("of a guest that says nothing are an error", async () => {
    api.fastvm.worker.command = async function* () {
      yield { kind: "exit", exitCode: 127, timedOut: false, durationMs: 1 };
    };
    const answer = await api.call(`GET /v1/machines/${id}/metrics`);
    expect(answer.body).toMatchObject({ code: "guest_unresponsive" });
  });

  test("come from the monitor, with the machine and its processes, until another is named", async () => {
    const { id: other } = await api.ok("POST /v1/machines", {});
    const client = new Client("/v1/monitor/ws");
    await client.say({ type: "monitor_subscribe", id, interval_ms: 1, include_processes: true });
    await soon(() => client.types.slice(0, 3)).toEqual(["snapshot", "metrics", "processes"]);
    expect(client.messages[0]).toMatchObject({ id, machine: { id, status: "running" } });
    expect(client.messages[2]).toMatchObject({
      processes: [{ pid: 1, command: "init", memory_bytes: 102_400 }],
    });
    await api.ok(`POST /v1/machines/${id}/pause`);
    await soon(() => client.of("update").at(-1)).toMatchObject({ machine: { status: "paused" } });
    await client.say({ type: "monitor_subscribe", id: other, interval_ms: 1 });
    await soon(() => client.messages.at(-1)).toMatchObject({ id: other, type: "metrics" });
    const after = client.messages.findIndex((message) => message["id"] === other);
    expect(client.messages.slice(after).every((message) => message["id"] === other)).toBe(true);
    await client.say({ type: "monitor_subscribe", id: "mch_none" });
    await soon(() => client.of("error")).toMatchObject([{ id: "mch_none", code: "machine_not_found" }]);
    await client.say("{}");
    await soon(() => client.of("error")).toHaveLength(2);
    expect(client.of("error")[1]).toMatchObject({ id: null, code: "invalid_request" });
    expect(client.closed).toBeUndefined();
  });
});

describe.each(["", "/nullspace"])("a volume's socket below %j", (base) => {
  beforeEach(() => api.ok("POST /v1/volumes", { name: "of us" }));
  const volume = (rest = "", key?: string | null) => new Client(`${base}/v1/volumes/of%20us/ws${rest}`, key);

  test("tells what happens in a folder, whoever does it", async () => {
    const client = volume();
    await client.say({ type: "watch_start", path: "/", recursive: true });
    await soon(() => client.messages).toEqual([{ type: "watch_started", path: "/" }]);
    const content = "/v1/volumes/of%20us/files/content?path=/a/b";
    await api.ok(`PUT ${content}`, undefined, { payload: "x" });
    const created = (path: string) => ({ type: "watch_event", event: { type: "create", path } });
    await soon(() => client.messages.slice(1)).toEqual([created("/a"), created("/a/b")]);
    await api.ok("DELETE /v1/volumes/of%20us");
    await soon(() => client.closed).toBe(1011);
    expect(client.of("error")).toHaveLength(1);
  });

  test("asks for a key, is not of another organisation, and refuses what is no folder", async () => {
    expect(await volume("", null).status()).toBe(401);
    expect(await volume("?channel=exec").status()).toBe(400);
    const stranger = volume("", api.otherKey);
    await soon(() => stranger.messages).toMatchObject([{ type: "error", code: "volume_not_found" }]);
    for (const path of ["/none", "relative"]) {
      const client = volume();
      await client.say({ type: "watch_start", path });
      await soon(() => client.closed).toBe(1011);
      expect(client.types).toEqual(["error"]);
    }
    const other = volume();
    await other.say({ type: "exec_start", command: "true" });
    await soon(() => other.messages).toMatchObject([{ type: "error", code: "invalid_request" }]);
  });
});

describe("a client that has said what it wants", () => {
  const at = (path: string) => () => new Client(path);
  const told: readonly (readonly [string, () => Client, object | undefined, string])[] = [
    ["a command", machine, { type: "exec_start", command: "cat" }, "exec_started"],
    ["a terminal", machine, { type: "pty_create", cols: 80, rows: 24 }, "pty_started"],
    ["a machine's folder", machine, { type: "watch_start", path: "/" }, "watch_started"],
    ["a volume's folder", at("/v1/volumes/ours/ws"), { type: "watch_start", path: "/" }, "watch_started"],
    ["the monitor", at("/v1/monitor/ws"), { type: "monitor_subscribe", id: "mch_none" }, "error"],
    ["lives", at("/v1/lifecycle/ws"), undefined, "live"],
  ];

  test.each(told)(
    "is heard at once when it pings and when it leaves: %s",
    async (_name, connect, said, answer) => {
      await api.ok("POST /v1/volumes", { name: "ours" });
      steps();
      const client = connect();
      await client.say(...(said === undefined ? [] : [said]));
      await soon(() => client.types).toContain(answer);
      let isAnswered = false;
      client.socket.once("pong", () => (isAnswered = true)).ping();
      await soon(() => isAnswered).toBe(true);
      client.socket.close(1000);
      await soon(() => client.closed).toBe(1000);
    },
  );
});

describe.each(["", "/nullspace"])("the sockets below %j", (base) => {
  const own = () =>
    [`/v1/machines/${id}/ws`, `/v1/machines/${id}/metrics/ws`].map((path) => `${base}${path}`);

  test("ask for a key, and for one that may", async () => {
    for (const path of [...own(), `${base}/v1/monitor/ws`]) {
      expect(await new Client(path, null).status()).toBe(401);
      expect(await new Client(path, "ns_live_fvm_unknown").status()).toBe(401);
      expect(await new Client(path).status()).toBe(101);
    }
    expect(await new Client(`${base}/v1/machines/${id}/ws?channel=none`).status()).toBe(400);
  });

  test("are not of another organisation", async () => {
    const { write } = steps();
    const ours = machine();
    await ours.say({ type: "exec_start", command: "a" });
    await soon(() => ours.types).toEqual(["exec_started"]);
    const pid = ours.messages[0]?.["pid"];
    for (const path of own()) {
      const stranger = new Client(path, api.otherKey);
      await stranger.say({ type: "exec_connect", pid });
      await soon(() => stranger.closed).toBe(1011);
      expect(stranger.messages).toMatchObject([{ type: "error", code: "machine_not_found" }]);
    }
    const monitor = new Client(`${base}/v1/monitor/ws`, api.otherKey);
    await monitor.say({ type: "monitor_subscribe", id });
    await soon(() => monitor.messages).toMatchObject([{ type: "error", code: "machine_not_found" }]);
    write("still here");
    await soon(() => ours.text("exec_stdout")).toBe("still here");
  });

  test("wake nothing", async () => {
    await api.ok(`POST /v1/machines/${id}/pause`);
    const client = new Client(`${base}/v1/machines/${id}/ws`);
    await soon(() => client.messages).toMatchObject([{ type: "error", code: "machine_not_ready" }]);
    expect(api.fastvm.worker.calls.some(({ method }) => method === "resume")).toBe(false);
  });
});
