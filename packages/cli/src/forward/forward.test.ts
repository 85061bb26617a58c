/** Ports that lead to a VM, over a server that joins them to a port of this machine as the API does. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, expect, it, vi } from "vitest";
import { WebSocketServer } from "ws";
import type { RawData } from "ws";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor } from "../testing/run-cli.ts";

vi.setConfig({ testTimeout: 120_000 });
const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";
const VM_PORT = 81;

/** Whoever ends its half gets back all that it sent, and not before. */
function serveEcho(api: FakeApi): void {
  const sockets = new WebSocketServer({ noServer: true });
  api.onUpgrade((request, connection, head) => {
    if (request.url !== `/v1/vms/${ID}/ports/${VM_PORT}/ws` || request.headers["x-api-key"] !== "test key") {
      connection.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, connection, head, (peer) => {
      const received: Buffer[] = [];
      peer.on("message", (data: RawData, isBinary: boolean) => {
        if (isBinary) {
          received.push(data as Buffer);
          return;
        }
        for (const each of received) peer.send(each);
        peer.send("end");
        peer.close(1000);
      });
    });
  });
}

async function listening(child: ReturnType<CliHome["spawn"]>): Promise<number[]> {
  let shown = "";
  child.stdout?.on("data", (data: Buffer) => (shown += data.toString()));
  await expect.poll(() => shown, { timeout: 60_000 }).toMatch(/127\.0\.0\.1:\d+ .*\n.*:\d+ .*\n/);
  return [...shown.matchAll(/127\.0\.0\.1:(\d+) /g)].map(([, port]) => Number(port));
}

it("carries bytes and the ends of halves, until Ctrl-C", async () => {
  await using api = await FakeApi.start();
  api.addVm({ id: ID, name: "dev" });
  serveEcho(api);
  const child = home.spawn(["port", "dev", `0:${VM_PORT}`, "0:82"], envFor(api));
  let complaint = "";
  child.stderr?.on("data", (data: Buffer) => (complaint += data.toString()));
  const ended = once(child, "exit");
  const [good = 0, closed = 0] = await listening(child);
  const sent = Buffer.alloc(2_000_000, "0123456789");
  const echoes = [0, 1].map(async () => {
    const client = connect({ port: good, host: "127.0.0.1", allowHalfOpen: true });
    client.end(sent);
    return (await buffer(client)).equals(sent);
  });
  expect(await Promise.all(echoes)).toEqual([true, true]);
  const refused: Socket = connect(closed, "127.0.0.1");
  refused.on("error", () => undefined);
  await once(refused.resume(), "close");
  await expect.poll(() => complaint).toContain("port 82 of the VM: nobody listens there");
  child.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
});

it("says that a port is taken, and lists services without ports", async () => {
  await using api = await FakeApi.start();
  api.addVm({ id: ID, name: "dev" });
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  expect(await home.run(["port", "dev", `${port}:80`], envFor(api))).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/EADDRINUSE\nHint: Choose another, such as -p \d+:80/),
  });
  taken.close();
  expect((await home.run(["port", "dev"], envFor(api))).stdout).toMatch(/^NAME +PORT/);
  expect((await home.run(["port", "dev", "80:x"], envFor(api))).stderr).toContain("is no port");
});

it("is there while a fresh VM's command runs", async () => {
  await using api = await FakeApi.start();
  serveEcho(api);
  const { exitCode, stderr } = await home.run(
    ["run", "-p", `0:${VM_PORT}`, "--no-stdin", "exit 3"],
    envFor(api),
  );
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/^127\.0\.0\.1:\d+ → port 81 of the VM$/m);
  expect(api.vms.size).toBe(0);
});
