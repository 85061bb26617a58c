import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentProcess } from "./agent-process.ts";
import { textField, Tag } from "./fields.ts";
import { GuestError } from "./guest-error.ts";
import type { GuestLink } from "./guest-link.ts";

const MIB = 1024 * 1024;

let agent: AgentProcess;
let link: GuestLink;

beforeAll(async () => {
  agent = await AgentProcess.start();
  link = await agent.connect();
}, 180_000);

afterAll(async () => {
  link?.close();
  await agent?.[Symbol.asyncDispose]();
});

async function readAll(path: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of link.readFile(path)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("the agent", () => {
  test("answers pings with the boot id of its kernel", async () => {
    expect(await link.ping()).toBeGreaterThan(0);
    expect(link.bootId).toBe((await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim());
  });

  test("is reached by a path longer than a socket's address holds", async () => {
    await using own = await AgentProcess.start();
    await using first = await own.connect();
    const deep = join(own.folder, "d".repeat(100));
    await mkdir(deep);
    await rename(own.socketPath, join(deep, "link.sock"));
    first.close();
    await using second = await own.connect({ socketPath: join(deep, "link.sock") });
    expect(await second.ping()).toBeGreaterThan(0);
  });

  test("takes on an identity file by file", async () => {
    const path = join(agent.folder, "made", "by-identity");
    const fields = [textField(Tag.PATH, path), textField(Tag.CONTENT, "content\n")];
    await link.identify([{ tag: Tag.FILE, value: fields }]);
    expect(await readFile(path, "utf8")).toBe("content\n");
  });

  test("says which part of an identity failed", async () => {
    const fields = [textField(Tag.PATH, "/proc/no/such/file"), textField(Tag.CONTENT, "x")];
    await expect(link.identify([{ tag: Tag.FILE, value: fields }])).rejects.toMatchObject({
      code: "launch_failed",
    });
  });
});

describe("files", () => {
  test("of 32 MiB come back by their hash", async () => {
    const bytes = randomBytes(32 * MIB);
    const path = join(agent.folder, "big");
    await link.writeFile(path, bytes, { mode: 0o640, mtimeSec: 1_000_000_000 });
    const found = await stat(path);
    expect(found.mode & 0o777).toBe(0o640);
    expect(found.mtimeMs).toBe(1_000_000_000_000);
    const hash = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
    expect(hash(await readAll(path))).toBe(hash(bytes));
  });

  test("may be empty, and may have their folders made", async () => {
    const path = join(agent.folder, "a", "b", "empty");
    await link.writeFile(path, new Uint8Array(0), { makeParents: true });
    expect(await readAll(path)).toHaveLength(0);
  });

  test("come from a stream too", async () => {
    const path = join(agent.folder, "streamed");
    async function* source(): AsyncGenerator<Uint8Array> {
      for (const word of ["one ", "two ", "three"]) yield Buffer.from(word);
    }
    await link.writeFile(path, source());
    expect((await readAll(path)).toString()).toBe("one two three");
  });

  test("that are not there are ENOENT", async () => {
    const missing = join(agent.folder, "missing", "file");
    await expect(readAll(missing)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(link.writeFile(missing, Buffer.from("x"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(readAll("/")).rejects.toBeInstanceOf(GuestError);
  });

  test("half written leave nothing, and the old content where there was some", async () => {
    const folder = join(agent.folder, "atomic");
    await mkdir(folder);
    await writeFile(join(folder, "kept"), "old");
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(MIB);
      throw new Error("the source broke");
    }
    await expect(link.writeFile(join(folder, "kept"), source())).rejects.toThrow("the source broke");
    await expect(link.writeFile(join(folder, "new"), source())).rejects.toThrow("the source broke");
    await expect.poll(() => readdir(folder)).toEqual(["kept"]);
    expect(await readFile(join(folder, "kept"), "utf8")).toBe("old");
  });
});

describe("connections", () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    // Says in capitals what it is told, and ends when its client does.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("data", (data) => socket.write(data.toString("latin1").toUpperCase(), "latin1"));
      socket.on("end", () => socket.end());
      socket.on("error", () => undefined);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });

  afterAll(() => server.close());

  test("carry 8 MiB both ways and end half by half", async () => {
    const connection = await link.dial(port);
    const sent = Buffer.alloc(8 * MIB, "abc");
    const chunks: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of connection) chunks.push(chunk as Buffer);
    })();
    connection.end(sent);
    await reading;
    expect(Buffer.concat(chunks).toString("latin1")).toBe(sent.toString("latin1").toUpperCase());
  });

  test("bring the answer of a server that closes without reading the upload", async () => {
    const hasty = createServer((socket) => {
      socket.on("error", () => undefined);
      // What is left unread makes the kernel reset the connection instead of ending it.
      socket.once("readable", () => socket.write("too large", () => socket.destroy()));
    });
    hasty.listen(0, "127.0.0.1");
    await once(hasty, "listening");
    for (let round = 0; round < 20; round += 1) {
      const connection = await link.dial((hasty.address() as AddressInfo).port);
      connection.on("error", () => undefined);
      let answer = "";
      connection.on("data", (chunk: Buffer) => (answer += chunk.toString()));
      connection.end(Buffer.alloc(MIB));
      await new Promise((resolve) => connection.once("close", resolve));
      expect(answer).toBe("too large");
    }
    hasty.close();
  });

  test("to a port where nobody listens are refused", async () => {
    await expect(link.dial(1)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("that are destroyed here are reset there", async () => {
    const accepted = once(server, "connection");
    const connection = await link.dial(port);
    const [socket] = (await accepted) as [Socket];
    const closed = once(socket, "close");
    connection.destroy();
    await closed;
  });
});

/** The agent's own process id, told by a command whose parent it is. */
async function agentPid(): Promise<number> {
  const stream = link.exec({ argv: ["sh", "-c", "echo $PPID"], env: ["PATH=/usr/bin:/bin"] });
  const chunk = await stream.read();
  return Number(Buffer.from(chunk?.data ?? []).toString());
}

test("streams survive captures: held, the guest stopped for 20 ms, and released, again and again", async () => {
  const pid = await agentPid();
  const bytes = randomBytes(48 * MIB);
  const stream = link.exec({ argv: ["cat"], env: ["PATH=/usr/bin:/bin"], stdin: "open" });
  const hash = createHash("sha256");
  let received = 0;
  const reading = (async () => {
    for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) {
      hash.update(chunk.data);
      received += chunk.data.byteLength;
    }
  })();
  void stream.write(bytes).then(() => stream.end());
  let heldInFlight = 0;
  for (let round = 0; round < 8; round += 1) {
    expect(await link.quiesce(30_000)).toBe(true);
    if (received < bytes.length) heldInFlight += 1;
    process.kill(pid, "SIGSTOP");
    await sleep(20);
    process.kill(pid, "SIGCONT");
    link.release();
    await sleep(5);
  }
  await reading;
  expect(heldInFlight).toBeGreaterThan(2);
  expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
  expect(stream.exit?.exitCode).toBe(0);
});

test("a stopped guest is not quiesced, and goes on as if nothing had been", async () => {
  const pid = await agentPid();
  process.kill(pid, "SIGSTOP");
  const started = performance.now();
  expect(await link.quiesce(20)).toBe(false);
  expect(performance.now() - started).toBeLessThan(5_000);
  process.kill(pid, "SIGCONT");
  link.release();
  expect(await link.ping()).toBeGreaterThan(0);
});
