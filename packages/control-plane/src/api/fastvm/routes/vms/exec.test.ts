import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:http2";
import { createHash } from "node:crypto";
import { FastvmError, type ExecEvent, type ExecSpec } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { eventually } from "../../../../testing/eventually.ts";
import { createApiServer } from "../../../../http/api-server.ts";
import { TEST_KEY, testApp, type TestApp, type TestAppOptions } from "../../../../testing/test-app.ts";

const EXIT: ExecEvent = { kind: "exit", exitCode: 0, timedOut: false, durationMs: 7.4 };
const out = (text: string | Uint8Array): ExecEvent => ({ kind: "stdout", data: Buffer.from(text) });
const err = (text: string | Uint8Array): ExecEvent => ({ kind: "stderr", data: Buffer.from(text) });

async function withVm(options: TestAppOptions = {}): Promise<TestApp & { exec: string }> {
  const api = await testApp(options);
  const vm = await api.call("POST /v1/vms", { machineType: "c1m2" });
  return Object.assign(api, { exec: `POST /v1/vms/${vm.body.id}/exec` });
}

function prints(...events: ExecEvent[]) {
  return async function* (): AsyncGenerator<ExecEvent> {
    yield* events;
  };
}

async function* never(): AsyncGenerator<ExecEvent> {
  yield out("begun");
  await new Promise(() => undefined);
}

const NDJSON = { headers: { accept: "application/x-ndjson" } };

describe("buffered", () => {
  test("all seven fields, output apart, and the spec as the client gave it", async () => {
    await using api = await withVm();
    let seen: ExecSpec | undefined;
    api.worker.command = (spec) => {
      seen = spec;
      return prints(out("a"), err("b"), out("c"), { ...EXIT, exitCode: 3 })();
    };
    const answer = await api.call(api.exec, {
      command: ["sh", "-c", "x"],
      timeoutSec: 5,
      stdin: "aGkK",
      env: { A: "1" },
      cwd: "/tmp",
      user: "nobody",
    });
    expect(answer.body).toEqual({
      exitCode: 3,
      stdout: "ac",
      stderr: "b",
      timedOut: false,
      stdoutTruncated: false,
      stderrTruncated: false,
      durationMs: 7,
    });
    expect(seen).toEqual({
      command: ["sh", "-c", "x"],
      timeoutMs: 5000,
      stdin: Buffer.from("hi\n"),
      env: { A: "1" },
      cwd: "/tmp",
      user: "nobody",
    });
  });

  test("optional fields may be null", async () => {
    await using api = await withVm();
    const body = { command: ["true"], timeoutSec: null, stdin: null, env: null, cwd: null, user: null };
    expect((await api.call(api.exec, body)).status).toBe(200);
  });

  test("4 MiB of each stream are kept and the rest is flagged", async () => {
    await using api = await withVm();
    const mib = 1024 * 1024;
    api.worker.command = prints(
      ...Array.from({ length: 5 }, () => out(Buffer.alloc(mib, "a"))),
      err(Buffer.alloc(4 * mib, "b")),
      EXIT,
    );
    const { body } = await api.call(api.exec, { command: ["x"] });
    expect([body.stdout.length, body.stdoutTruncated]).toEqual([4 * mib, true]);
    expect([body.stderr.length, body.stderrTruncated]).toEqual([4 * mib, false]);
  });

  test("a character that the limit cuts in two is dropped; bytes that are no UTF-8 are replaced", async () => {
    await using api = await withVm();
    const limit = 4 * 1024 * 1024;
    api.worker.command = prints(
      out(Buffer.alloc(limit - 1, "a")),
      out("é!"),
      err(Buffer.from([0x61, 0xff, 0xc3])),
      EXIT,
    );
    const { body } = await api.call(api.exec, { command: ["x"] });
    expect(body.stdout).toBe("a".repeat(limit - 1));
    expect(body.stderr).toBe("a\ufffd\ufffd");
  });

  test("characters that arrive in pieces are whole", async () => {
    await using api = await withVm();
    api.worker.command = prints(out(Buffer.from([0xc3])), out(Buffer.from([0xa9])), EXIT);
    expect((await api.call(api.exec, { command: ["x"] })).body.stdout).toBe("é");
  });

  test("a command that could not be started says why on stderr", async () => {
    await using api = await withVm();
    api.worker.command = prints({ ...EXIT, exitCode: 127, diagnostic: "no such file" });
    expect((await api.call(api.exec, { command: ["x"] })).body).toMatchObject({
      exitCode: 127,
      stderr: "no such file\n",
    });
  });

  test("a long command: headers at once, white space, then the result", async () => {
    await using api = await withVm({ config: { execHeadersAfterMs: 30, execWhitespaceEveryMs: 10 } });
    api.worker.command = async function* () {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      yield out("late");
      yield EXIT;
    };
    const answer = await api.call(api.exec, { command: ["x"] });
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/^ {3,}\{/);
    expect(answer.body).toMatchObject({ stdout: "late", exitCode: 0 });
  });

  test("a VM that dies: 502 before the headers went, exit code 255 and the reason after", async () => {
    await using api = await withVm({ config: { execHeadersAfterMs: 1_000 } });
    api.worker.command = async function* ({ command }) {
      await new Promise((resolve) => setTimeout(resolve, Number(command[0])));
      yield out("partial");
      throw new FastvmError("vm_died", "QEMU ended");
    };
    const early = await api.call(api.exec, { command: ["0"] });
    expect(early).toMatchObject({ status: 502, body: { code: "vm_died" } });
    expect(early.headers["x-should-retry"]).toBe("false");
    const late = await api.call(api.exec, { command: ["1500"] });
    expect(late).toMatchObject({ status: 200, body: { exitCode: 255, code: "vm_died" } });
    expect(late.body.stderr).toMatch(/QEMU ended/);
  });
});

describe("streamed", () => {
  test("raw bytes as base64, then one exit without what is 0 or false", async () => {
    await using api = await withVm();
    api.worker.command = prints(out(Buffer.from([0, 255])), err("e"), EXIT);
    const answer = await api.call(api.exec, { command: ["x"] }, NDJSON);
    expect(answer.headers["content-type"]).toBe("application/x-ndjson");
    expect(answer.text).toBe('{"t":"o","d":"AP8="}\n{"t":"e","d":"ZQ=="}\n{"t":"x","ms":7}\n');
  });

  test("exit code, timeout and diagnostic when there are some", async () => {
    await using api = await withVm();
    api.worker.command = prints({ ...EXIT, exitCode: 124, timedOut: true, diagnostic: "d" });
    const answer = await api.call(api.exec, { command: ["x"] }, NDJSON);
    expect(JSON.parse(answer.text)).toEqual({ t: "x", c: 124, to: true, ms: 7, d: "d" });
  });

  test("blank lines while nothing happens", async () => {
    await using api = await withVm({ config: { streamHeartbeatMs: 15 } });
    api.worker.command = async function* () {
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      yield EXIT;
    };
    const answer = await api.call(api.exec, { command: ["x"] }, NDJSON);
    expect(answer.text).toMatch(/^\n{2,}\{"t":"x","ms":7\}\n$/);
  });

  test("errors before the start are ordinary answers", async () => {
    await using api = await withVm();
    api.worker.failNext("exec", new FastvmError("guest_unresponsive"));
    const answer = await api.call(api.exec, { command: ["x"] }, NDJSON);
    expect(answer).toMatchObject({ status: 502, body: { code: "guest_unresponsive" } });
  });

  test("a VM that dies ends the stream with one exit that says so", async () => {
    await using api = await withVm();
    api.worker.command = async function* () {
      yield out("a");
      throw new FastvmError("vm_died", "QEMU ended");
    };
    const answer = await api.call(api.exec, { command: ["x"] }, NDJSON);
    const events = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(events).toHaveLength(2);
    expect(events[1]).toMatchObject({
      t: "x",
      c: 255,
      code: "vm_died",
      d: expect.stringMatching(/QEMU ended/),
    });
  });
});

/** Over a real socket: backpressure and lost clients cannot be seen through `inject`. */
describe("over a socket", () => {
  async function listening(options: TestAppOptions = {}) {
    const { serverFactory } = createApiServer();
    const api = await withVm({ ...options, serverFactory });
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const path = api.exec.split(" ", 2)[1] ?? "";
    return { api, url, path };
  }

  function post(url: string, accept: string) {
    const headers = { "x-api-key": TEST_KEY, accept };
    const sent = request(url, { method: "POST", headers });
    sent.on("error", () => undefined);
    sent.end('{"command":["x"]}');
    return sent;
  }

  test.each(["application/json", "application/x-ndjson"])(
    "a client that goes away kills its command (%s)",
    async (accept) => {
      const { api, url, path } = await listening();
      await using _api = api;
      api.worker.command = never;
      const sent = post(url + path, accept);
      await eventually(() => expect(api.worker.calls.some((call) => call.method === "exec")).toBe(true));
      sent.destroy();
      await eventually(() => expect(api.worker.killed).toBe(1));
    },
  );

  test("a client that goes away during the white space kills its command", async () => {
    const { api, url, path } = await listening({ config: { execHeadersAfterMs: 10 } });
    await using _api = api;
    api.worker.command = never;
    const sent = post(url + path, "application/json");
    await once(sent, "response");
    sent.destroy();
    await eventually(() => expect(api.worker.killed).toBe(1));
  });

  test("an HTTP/2 stream that is cancelled kills its command", async () => {
    const { api, url, path } = await listening();
    await using _api = api;
    api.worker.command = never;
    const session = connect(url);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "x-api-key": TEST_KEY,
      accept: "application/x-ndjson",
    });
    stream.end('{"command":["x"]}');
    await once(stream, "response");
    stream.close(8);
    await eventually(() => expect(api.worker.killed).toBe(1));
    session.destroy();
  });

  test("the headers of a stream come before any output", async () => {
    const { api, url, path } = await listening();
    await using _api = api;
    api.worker.command = async function* () {
      await new Promise(() => undefined);
      yield EXIT;
    };
    const sent = post(url + path, "application/x-ndjson");
    const [response] = await once(sent, "response");
    expect(response.headers["content-type"]).toBe("application/x-ndjson");
    sent.destroy();
  });

  test(
    "200 MiB arrive whole, and a client that does not read stops the command",
    { timeout: 60_000 },
    async () => {
      const { api, url, path } = await listening();
      await using _api = api;
      const chunk = Buffer.alloc(64 * 1024, "x");
      const chunks = 200 * 16;
      let yielded = 0;
      api.worker.command = async function* () {
        for (; yielded < chunks; yielded += 1) yield { kind: "stdout", data: chunk };
        yield EXIT;
      };
      const sent = post(url + path, "application/x-ndjson");
      const [response] = await once(sent, "response");
      await new Promise((resolve) => setTimeout(resolve, 300));
      // What the two sockets hold between them; far from 200 MiB.
      expect(yielded * chunk.length).toBeLessThan(32 * 1024 * 1024);
      const hash = createHash("sha256");
      let rest = "";
      for await (const piece of response) {
        const lines = (rest + String(piece)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const event = JSON.parse(line) as { t: string; d: string };
          if (event.t === "o") hash.update(Buffer.from(event.d, "base64"));
        }
      }
      const expected = createHash("sha256");
      for (let i = 0; i < chunks; i += 1) expected.update(chunk);
      expect(hash.digest("hex")).toBe(expected.digest("hex"));
    },
  );
});
