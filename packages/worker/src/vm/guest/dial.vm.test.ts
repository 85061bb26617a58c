import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { TestWorker } from "../../testing/test-worker.ts";

const SSH_PORT = 22;
/** Nobody listens on it. */
const DEAD_PORT = 4;
const V6_PORT = 8006;

describe("a connection into a VM", () => {
  let host: TestWorker;
  let vmId: VmId;

  beforeAll(async () => {
    host = await TestWorker.start();
    vmId = await host.launch();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  test("reaches what listens on the guest's loopback, and carries bytes both ways", async () => {
    const connection = await host.worker.dial(vmId, SSH_PORT);
    const [greeting] = (await once(connection, "data")) as [Buffer];
    expect(greeting.toString()).toMatch(/^SSH-2\.0-OpenSSH/);
    connection.write("GET / HTTP/1.0\r\n\r\n");
    const [answer] = (await once(connection, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/Invalid SSH identification string/);
    connection.destroy();
  });

  test("reaches what listens on the other address of localhost alone", async () => {
    const listen = `import socket
s = socket.create_server(("::1", ${V6_PORT}), family=socket.AF_INET6)
print("ready", flush=True)
s.accept()[0].sendall(b"here")`;
    const session = await host.worker.exec(vmId, { command: ["python3", "-c", listen] });
    await session[Symbol.asyncIterator]().next();
    const connection = await host.worker.dial(vmId, V6_PORT);
    const [greeting] = (await once(connection, "data")) as [Buffer];
    expect(greeting.toString()).toBe("here");
    connection.destroy();
  });

  test("that nobody accepts fails with the guest's reason", async () => {
    await expect(host.worker.dial(vmId, DEAD_PORT)).rejects.toMatchObject({
      code: "guest_unresponsive",
      message: expect.stringMatching(/refused/i) as string,
    });
  });

  test("breaks when the VM is paused, and there is none to a paused VM", async () => {
    const connection = await host.worker.dial(vmId, SSH_PORT);
    connection.resume();
    const closed = new Promise((resolve) => {
      connection.on("error", () => undefined).once("close", resolve);
    });
    await host.worker.pause(vmId);
    await closed;
    await expect(host.worker.dial(vmId, SSH_PORT)).rejects.toMatchObject({ code: "vm_wrong_state" });
    await host.worker.resume(vmId);
    const again = await host.worker.dial(vmId, SSH_PORT);
    again.destroy();
  });
});
