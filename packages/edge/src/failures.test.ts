/** What the proxy says when a service or a VM does not, and the waking of VMs. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Socket } from "node:net";
import { FastvmError, type VmStatus } from "@fastvm/contract";
import { send, sendBytes, type Answer } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start({
    answerMs: 600,
    connectMs: 600,
    wakeMs: 900,
    connectionsPerVm: 4,
    lingerMs: 200,
  });
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await expect.poll(() => proxy.edge.metrics()).toMatchObject({ openRequests: 0, openConnections: 0 });
  await proxy[Symbol.asyncDispose]();
});

function expectError(answer: Answer, status: number, code: string, retryable: boolean): void {
  expect([answer.status, answer.headers["x-fastvm-proxy-error"]]).toEqual([status, code]);
  expect(answer.headers["content-type"]).toMatch(/^application\/json/);
  expect(JSON.parse(answer.body)).toMatchObject({ code, retryable, error: expect.any(String) as string });
  expect(answer.headers["retry-after"]).toBe(status === 503 ? "5" : undefined);
}

test("records that cannot be read are 503, and no bug", async () => {
  const host = proxy.host(proxy.vms.add({ port: 1 }));
  proxy.vms.lookUp = () => Promise.reject(new FastvmError("database_unavailable"));
  expectError(await send(proxy.url, { vhost: host }), 503, "records_unavailable", true);
});

describe("a service that fails", () => {
  test("by listening nowhere is 502", async () => {
    const answer = await send(proxy.url, { vhost: proxy.host(proxy.vms.add({ port: 1 })) });
    expectError(answer, 502, "service_unreachable", true);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: /refused/,
      suggested_action: expect.any(String) as string,
    });
    expect(proxy.edge.metrics()).toMatchObject({
      requests: { "5xx": 1 },
      proxyErrors: { service_unreachable: 1 },
    });
  });

  test.each([
    ["closes at once", (socket: Socket) => socket.end()],
    ["resets", (socket: Socket) => socket.resetAndDestroy()],
    ["speaks something else", (socket: Socket) => socket.end("SSH-2.0-OpenSSH\r\n")],
    [
      "sends both lengths",
      (socket: Socket) =>
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
    [
      "sends two lengths",
      (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"),
    ],
    [
      "sends giant headers",
      (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${"a".repeat(80_000)}\r\n\r\n`),
    ],
    [
      "switches protocols unasked",
      (socket: Socket) => socket.end("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    ],
  ])("and %s is 502", async (_name, misbehave) => {
    const vmId = await proxy.rawService((socket) => socket.once("data", () => misbehave(socket)));
    const answer = await send(proxy.url, { vhost: proxy.host(vmId) });
    expectError(answer, 502, "service_bad_answer", false);
  });

  test("in mid-answer breaks the client's connection: half an answer never looks whole", async () => {
    const cut = [
      "Content-Length: 100\r\n\r\nhalf",
      "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for (const rest of cut) {
      const vmId = await proxy.rawService((socket) =>
        socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\n${rest}`)),
      );
      await expect(send(proxy.url, { vhost: proxy.host(vmId) })).rejects.toThrow(/aborted/);
    }
  });

  test("by silence is 504, also when it reads no more of the request", async () => {
    const silent = await proxy.rawService((socket) => socket.resume());
    expectError(await send(proxy.url, { vhost: proxy.host(silent) }), 504, "service_timeout", true);
    const deaf = await proxy.rawService((socket) => socket.pause());
    const body = Buffer.alloc(16 * 1024 * 1024);
    const answer = await send(proxy.url, { vhost: proxy.host(deaf), method: "POST", body });
    expectError(answer, 504, "service_timeout", true);
  });

  test("is not blamed for a client that uploads slowly", async () => {
    const vmId = await proxy.service((request, response) => {
      request.resume().once("end", () => response.end("got it"));
    });
    const socket = connect(proxy.port, "127.0.0.1");
    socket.write(`POST / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nContent-Length: 3\r\n\r\n`);
    for (const byte of "abc") {
      await sleep(150);
      socket.write(byte);
    }
    expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1.1 200/);
    socket.destroy();
  });

  test("to be dialled in time is 502", async () => {
    const vmId = proxy.vms.add({ port: 1 });
    proxy.vms.dial = () => new Promise(() => undefined);
    expectError(await send(proxy.url, { vhost: proxy.host(vmId) }), 502, "service_unreachable", true);
  });
});

test("a VM has only so many connections; one that ends makes room", async () => {
  const release = Promise.withResolvers<void>();
  const vmId = await proxy.service(
    (_request, response) => void release.promise.then(() => response.end("ok")),
  );
  const vhost = proxy.host(vmId);
  const kept = Array.from({ length: 4 }, () => send(proxy.url, { vhost }));
  await expect.poll(() => proxy.vms.open.size).toBe(4);
  expectError(await send(proxy.url, { vhost }), 503, "too_many_connections", true);
  release.resolve();
  await Promise.all(kept);
  await expect.poll(() => proxy.vms.open.size).toBe(0);
  expect((await send(proxy.url, { vhost })).status).toBe(200);
});

describe("a VM that does not run", () => {
  const ask = async (status: VmStatus, autoResume = false) =>
    send(proxy.url, { vhost: proxy.host(proxy.vms.add({ port: 1 }, { status, autoResume })) });

  test("is 503, and the answer tells whether it is worth another try", async () => {
    expectError(await ask("paused"), 503, "machine_paused_auto_resume_disabled", false);
    expectError(await ask("pausing"), 503, "machine_paused_auto_resume_disabled", false);
    expectError(await ask("provisioning"), 503, "machine_not_ready", true);
    for (const status of ["error", "stopped", "deleting"] as const) {
      expectError(await ask(status, true), 503, "machine_not_running", false);
    }
    expect(proxy.vms.wakes).toBe(0);
  });

  test("wakes once for many requests, each of which arrives once and whole", async () => {
    const seen: string[] = [];
    const vmId = await proxy.service(
      (request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.once("end", () => {
          seen.push(Buffer.concat(chunks).toString());
          response.end("awake");
        });
      },
      { status: "paused", autoResume: true },
    );
    proxy.vms.waking = () => sleep(100);
    const words = ["one", "two", "three"];
    const answers = await Promise.all(
      words.map((body) => send(proxy.url, { vhost: proxy.host(vmId), method: "POST", body })),
    );
    expect(answers.map(({ body }) => body)).toEqual(["awake", "awake", "awake"]);
    expect(seen.toSorted()).toEqual(words.toSorted());
    expect(proxy.vms.wakes).toBe(1);
  });

  test("and wakes too slowly is 503; whoever comes later asks anew", async () => {
    const vmId = await proxy.service((_request, response) => response.end("awake"), {
      status: "paused",
      autoResume: true,
    });
    let given: AbortSignal | undefined;
    proxy.vms.waking = (signal) => {
      given = signal;
      return new Promise(() => undefined);
    };
    const startedAt = performance.now();
    expectError(await send(proxy.url, { vhost: proxy.host(vmId) }), 503, "machine_resume_timeout", true);
    expect(performance.now() - startedAt).toBeGreaterThan(890);
    expect(given?.aborted).toBe(true);
    proxy.vms.waking = () => Promise.resolve();
    expect((await send(proxy.url, { vhost: proxy.host(vmId) })).body).toBe("awake");
    expect(proxy.vms.wakes).toBe(2);
  });

  test("and cannot wake is 503, without the reason", async () => {
    proxy.vms.waking = () => Promise.reject(new FastvmError("quota_exceeded", "secret"));
    const answer = await ask("paused", true);
    expectError(answer, 503, "machine_resume_failed", true);
    expect(answer.body).not.toContain("secret");
  });

  test("and is deleted while requests wait for it is 404", async () => {
    const vmId = proxy.vms.add({ port: 1 }, { status: "paused", autoResume: true });
    proxy.vms.waking = () => {
      proxy.vms.vms.delete(vmId);
      return Promise.reject(new FastvmError("not_found", "the VM was deleted meanwhile"));
    };
    const words = await Promise.all([1, 2].map(() => send(proxy.url, { vhost: proxy.host(vmId) })));
    for (const answer of words) expectError(answer, 404, "machine_not_found", false);
  });

  test("is not waited for by a client that leaves", async () => {
    const given = Promise.withResolvers<AbortSignal>();
    proxy.vms.waking = (signal) => {
      if (signal !== undefined) given.resolve(signal);
      return new Promise(() => undefined);
    };
    const vmId = proxy.vms.add({ port: 1 }, { status: "paused", autoResume: true });
    const socket = connect(proxy.port, "127.0.0.1");
    socket.write(`GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\n\r\n`);
    const signal = await given.promise;
    socket.destroy();
    await expect.poll(() => signal.aborted).toBe(true);
  });

  test("when its record said that it does is looked at once more", async () => {
    const vmId = await proxy.service((_request, response) => response.end("awake"), {
      status: "paused",
      autoResume: true,
    });
    const lookUp = proxy.vms.lookUp.bind(proxy.vms);
    let looks = 0;
    proxy.vms.lookUp = async (id, name) => {
      const found = await lookUp(id, name);
      looks += 1;
      return found.kind === "known" && looks === 1 ? { ...found, status: "running" } : found;
    };
    expect((await send(proxy.url, { vhost: proxy.host(vmId) })).body).toBe("awake");
  });
});

test("an error answered before the request is read leaves the connection usable, or ends it after a while", async () => {
  const host = proxy.host(proxy.vms.add({ port: 1 }));
  const post = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\n\r\n`;
  const twice = await sendBytes(proxy.port, `${post}abc${post}abc`, 3_000);
  expect(twice.match(/HTTP\/1.1 502/g)).toHaveLength(2);
  const startedAt = performance.now();
  expect(await sendBytes(proxy.port, `${post}ab`, 5000)).toMatch(/^HTTP\/1.1 502/);
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test("a bug in one request is logged, and ends that request alone", async () => {
  const { errors } = proxy;
  const buggy = createServer((request, response) => {
    response.setHeader = () => {
      throw new Error("a bug");
    };
    proxy.edge.serve(request, response);
  });
  buggy.on("upgrade", (request, socket, head) => {
    socket.write = () => {
      throw new Error("a bug");
    };
    proxy.edge.upgrade(request, socket, head);
  });
  const port = await proxy.listen(buggy);
  for (const more of ["", "Connection: Upgrade\r\nUpgrade: websocket\r\n"]) {
    expect(await sendBytes(port, `GET /proxy/ HTTP/1.1\r\nHost: x\r\n${more}\r\n`, 5000)).toBe("");
    expect(errors.splice(0)).toMatchObject([
      {
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        err: expect.objectContaining({ message: "a bug" }) as Error,
      },
    ]);
  }
});
