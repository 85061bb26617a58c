import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../../testing/eventually.ts";
import { WebSocket } from "ws";
import { createApiServer } from "../../../http/api-server.ts";
import { testApp, type TestApp } from "../../../testing/test-app.ts";

describe("the console", () => {
  let api: TestApp;
  let url: string;
  let id: string;

  beforeEach(async () => {
    api = await testApp({
      serverFactory: createApiServer().serverFactory,
      config: { publicUrl: "https://api.test", consoleOrigins: ["http://panel.test:8080"] },
    });
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    id = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
  });

  afterEach(() => api[Symbol.asyncDispose]());

  async function open(change: (path: string) => string = (path) => path): Promise<WebSocket> {
    const { token, websocketPath } = (await api.call(`POST /v1/vms/${id}/console-token`)).body;
    return new WebSocket(change(`${url.replace("http", "ws")}${websocketPath}?session=${token}`));
  }

  test("carries keystrokes, sizes and the terminal's bytes, and ends with the shell", async () => {
    const hold = Promise.withResolvers<void>();
    api.worker.command = async function* ({ pty }) {
      yield { kind: "stdout", data: Buffer.from(`${pty?.cols}x${pty?.rows}`) };
      yield { kind: "stdout", data: Buffer.alloc(600_000, 0xff) };
      await hold.promise;
      yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
    };
    const socket = await open();
    const frames: Buffer[] = [];
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      expect(isBinary).toBe(true);
      frames.push(data);
    });
    await once(socket, "open");
    socket.send('{"type":"resize","cols":120,"rows":40}');
    socket.send("ls\r");
    socket.send('{"not":"a resize"}');
    socket.send(Buffer.from("\x03"));
    await eventually(() => expect(api.worker.terminal.input).toBe('ls\r{"not":"a resize"}\x03'));
    expect(api.worker.terminal.sizes).toEqual(["120x40"]);
    hold.resolve();
    const [code] = await once(socket, "close");
    expect(code).toBe(1000);
    expect(Buffer.concat(frames).length).toBe(5 + 600_000);
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThanOrEqual(256 * 1024);
  });

  test("is opened by pages of its own host and of those that are allowed, and by no other", async () => {
    const { host } = new URL(url);
    const token = async () => (await api.call(`POST /v1/vms/${id}/console-token`)).body;
    const { token: session, websocketPath } = await token();
    const attempt = (origin: string | undefined, with_ = session): WebSocket =>
      new WebSocket(`ws://${host}${websocketPath}?session=${with_}`, origin === undefined ? {} : { origin });
    for (const origin of ["https://evil.test", "null", `http://${host}.evil.test`, `http://x:y@${host}`]) {
      const [error] = (await once(attempt(origin), "error")) as [Error];
      expect([origin, error.message]).toEqual([origin, expect.stringContaining("403")]);
    }
    // None of them has used the token up.
    for (const origin of [
      undefined,
      `http://${host}`,
      `https://${host}`,
      "https://api.test",
      "http://panel.test:8080",
    ]) {
      const socket = attempt(origin, origin === undefined ? session : (await token()).token);
      await once(socket, "open");
      socket.terminate();
    }
  });

  test("kills the shell when its client goes", async () => {
    api.worker.command = async function* () {
      yield { kind: "stdout", data: Buffer.from("$ ") };
      await new Promise(() => undefined);
    };
    const socket = await open();
    await once(socket, "message");
    socket.close();
    await eventually(() => expect(api.worker.killed).toBeGreaterThan(0));
  });

  test("refuses a used, a wrong and another VM's token", async () => {
    const other = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    let used = "";
    const first = await open((path) => (used = path));
    await once(first, "close");
    const attempts = [
      new WebSocket(used),
      await open((path) => `${path}x`),
      await open((path) => path.replace(id, other)),
    ];
    for (const attempt of attempts) {
      const [error] = (await once(attempt, "error")) as [Error];
      expect(error.message).toContain("401");
    }
  });

  test.each(["//", "http://[", "/v1/vms/x/console/ws", "/healthz"])(
    "refuses an upgrade of %s",
    async (path) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
      );
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 40[01]/);
      socket.destroy();
    },
  );

  test("needs a running VM", async () => {
    await api.call(`POST /v1/vms/${id}/pause`);
    expect((await api.call(`POST /v1/vms/${id}/console-token`)).status).toBe(409);
  });

  test("does not take away requests that offer another protocol", async () => {
    const sent = request(`${url}/healthz`, {
      headers: { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABk" },
    });
    sent.end();
    const [response] = await once(sent, "response");
    expect(response.statusCode).toBe(200);
    response.resume();
  });
});
