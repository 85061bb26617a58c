/** The network of a bucket's tool: its proxy, where that leads, and that both end together. Needs root and the native parts. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listProcesses, commandLine } from "../processes/proc.ts";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../../native/build/fastvm-bucket", import.meta.url));
const server = createServer((_request, response) => response.end("from outside"));
let port: number;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());

/** Its descriptor 3, which is a file system's, is any here. */
function inNetwork(guard: readonly string[], command: string): Promise<{ readonly stdout: string }> {
  const proxy = [PROGRAM, "proxy", ...guard];
  return run("sh", [
    "-c",
    'exec "$@" 3</dev/null',
    "sh",
    PROGRAM,
    "run",
    ...proxy,
    "--",
    "sh",
    "-c",
    command,
  ]);
}

const ask = (host: string) =>
  `curl -s --max-time 10 --proxy socks5h://127.0.0.1:1080 http://${host}:${port}/ || echo failed $?`;

test("is no other way out than its proxy", async () => {
  const { stdout } = await inNetwork(
    [],
    `curl -s --max-time 2 http://127.0.0.1:${port}/ || echo nothing; cat /proc/net/dev`,
  );
  expect(stdout).toContain("nothing");
  expect(stdout.match(/^ *\w+:/gm)).toEqual(["    lo:"]);
});

test("leads to whom nobody guards, by name and by address", async () => {
  for (const host of ["localhost", "127.0.0.1"])
    expect((await inNetwork(["--guard", "10.0.0.0/8"], ask(host))).stdout).toBe("from outside");
});

test("leads into no guarded network, in whatever form, and into one that is opened", async () => {
  const guard = ["--guard", "127.0.0.0/8", "--guard", "::ffff:0:0/96", "--guard", "::/96"];
  for (const host of ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "2130706433"])
    expect((await inNetwork(guard, ask(host))).stdout).toMatch(/^failed/);
  expect((await inNetwork([...guard, "--open", "127.0.0.1/32"], ask("127.0.0.1"))).stdout).toBe(
    "from outside",
  );
  expect((await inNetwork([...guard, "--open", "127.0.0.2/32"], ask("127.0.0.1"))).stdout).toMatch(/^failed/);
});

test("ends with its tool", async () => {
  await inNetwork(["--guard", "192.0.2.77/32"], ask("127.0.0.1"));
  await expect.poll(async () => await proxies()).toEqual([]);
});

async function proxies(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const pid of await listProcesses())
    if ((await commandLine(pid)).includes("192.0.2.77/32")) found.push(pid);
  return found;
}
