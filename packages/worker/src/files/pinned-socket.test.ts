import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectUnixSocket } from "../guest-link/unix-socket.ts";
import { QmpClient } from "../qemu/qmp-client.ts";
import { pinSocket } from "./pinned-socket.ts";

const DEADLINE_MS = 200;

describe("a socket in another's folder", () => {
  let folder: string;
  let victim: string;
  let server: Server;
  let connections = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-socket-"));
    victim = join(folder, "victim.sock");
    connections = 0;
    server = createServer((socket) => {
      connections++;
      socket.end();
    });
    server.listen(victim);
    await once(server, "listening");
  });

  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("is connected to, however long its path", async () => {
    const deep = join(folder, "d".repeat(200));
    await mkdir(deep);
    const path = join(deep, "link.sock");
    await link(victim, path);
    await using pinned = await pinSocket(path);
    await once(connect(pinned.path), "connect");
    expect(connections).toBe(1);
  });

  test.each(["a link to another's socket", "a file"])("%s is not, by monitor or link", async (what) => {
    const path = join(folder, "planted.sock");
    await (what === "a file" ? writeFile(path, "") : symlink(victim, path));
    await expect(QmpClient.connect(path, DEADLINE_MS)).rejects.toThrow("is no socket");
    const onread = { buffer: Buffer.alloc(1), callback: () => true };
    const linked = connectUnixSocket({ path, deadlineAt: performance.now() + DEADLINE_MS, onread });
    await expect(linked).rejects.toThrow("is no socket");
    expect(connections).toBe(0);
  });
});
