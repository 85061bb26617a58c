import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { serviceManagerOf, tellManager } from "./service-manager.ts";

describe("the service manager", () => {
  test("is whom the environment names, and watches the process that it says", () => {
    const env = { NOTIFY_SOCKET: "/run/systemd/notify", WATCHDOG_USEC: "60000000", WATCHDOG_PID: "7" };
    expect(serviceManagerOf(env, 7)).toEqual({ socket: "/run/systemd/notify", watchdogMs: 60_000 });
    expect(serviceManagerOf(env, 8)?.watchdogMs).toBeUndefined();
    expect(serviceManagerOf({ ...env, NOTIFY_SOCKET: "" }, 7)).toBeUndefined();
    expect(serviceManagerOf({}, 7)).toBeUndefined();
  });

  test("hears that the daemon serves, again and again that it turns, and that it ends, by the daemon's own number", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fastvm-notify-"));
    const socket = join(folder, "notify");
    const listener = spawn("python3", ["-u", "-c", LISTENER, socket], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new AbortController();
    try {
      const lines = createInterface(listener.stdout)[Symbol.asyncIterator]();
      const next = async (): Promise<unknown> => (await lines.next()).value;
      expect(await next()).toBe("listens");
      const errors: unknown[] = [];
      const manager = tellManager({ socket, watchdogMs: 30 }, ended.signal, (error) => errors.push(error));
      const alive = `WATCHDOG=1 of ${process.pid}`;
      expect(await next()).toBe(`READY=1 of ${process.pid}`);
      expect([await next(), await next()]).toEqual([alive, alive]);
      manager.tellEnd();
      let heard = await next();
      while (heard === alive) heard = await next();
      expect(heard).toBe(`STOPPING=1 of ${process.pid}`);
      expect(errors).toEqual([]);
    } finally {
      ended.abort();
      listener.kill();
      await once(listener, "exit");
      rmSync(folder, { recursive: true });
    }
  });

  test("that is not there is an error for the log, and keeps nobody", async () => {
    const told = Promise.withResolvers<unknown>();
    const ended = new AbortController();
    tellManager({ socket: "/nowhere/notify", watchdogMs: undefined }, ended.signal, told.resolve);
    expect(String(await told.promise)).toContain("systemd-notify");
  });
});

/**
 * Tells what came and from whom, as systemd sees it; but for the barrier, behind which the program waits until the descriptor that comes
 * along is closed, as one is for which there is no room.
 */
const LISTENER = `
import socket, struct, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
listener.bind(sys.argv[1])
print("listens")
while True:
    data, [(_, _, credentials), *_], _, _ = listener.recvmsg(4096, socket.CMSG_SPACE(12))
    text = data.decode().strip()
    if text != "BARRIER=1":
        print(text, "of", struct.unpack("3i", credentials)[0])
`;
