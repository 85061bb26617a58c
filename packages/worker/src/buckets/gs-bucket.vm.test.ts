/** A gs:// bucket by the real rclone, before a stand-in for the store: that the tool is started rightly, not that Google agrees. */
import { execFile } from "node:child_process";
import { generateKeyPairSync, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, statfs } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newVolumeId } from "@fastvm/contract";
import { Cgroups } from "../host/cgroups.ts";
import { UidAllocator } from "../host/uid-allocator.ts";
import { isAlive, listProcesses, commandLine } from "../processes/proc.ts";
import { startServing, type Serving } from "../processes/spawn.ts";
import { ControlConnection } from "../volumes/server/control.ts";
import { VOLUME_SERVER } from "../volumes/server/programs.ts";
import { endBucket, startBucket } from "./bucket-process.ts";

const run = promisify(execFile);
const PORT = 8080;
const FUSE = 0x65735546;
/** Of the network for measurements, as Go takes no proxy to the loopback's own. */
const address = `198.18.${randomInt(256)}.${randomInt(1, 255)}`;
const url = `http://${address}:${PORT}/`;
const asked: string[] = [];

const object = { name: "first.txt", bucket: "pictures", size: "5", updated: "2026-01-01T00:00:00Z" };
const store = createServer((request, response) => {
  const path = new URL(request.url ?? "", url).pathname;
  asked.push(path);
  response.setHeader("content-type", "application/json");
  if (path === "/token") response.end(JSON.stringify({ access_token: "t", expires_in: 3600 }));
  else if (path === "/media") response.end("hello");
  else response.end(JSON.stringify({ items: [{ ...object, mediaLink: `${url}media` }] }));
});

let folder: string;
let server: Serving;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-gs-"));
  await run("ip", ["addr", "add", `${address}/32`, "dev", "lo"]);
  store.listen(PORT, address);
  await once(store, "listening");
  const words = ["--port-fd", "3", "--control", join(folder, "c.sock"), "--user", "71500"];
  server = startServing(VOLUME_SERVER, ["serve", ...words, "--rights", "owner"]);
  await server.ready;
});

afterAll(async () => {
  server?.kill();
  store.close();
  await run("ip", ["addr", "del", `${address}/32`, "dev", "lo"]);
  await rm(folder, { recursive: true });
});

/** What the server alone has mounted, by its descriptor of it. */
async function served(): Promise<string> {
  for (const pid of await listProcesses()) {
    if (!(await commandLine(pid)).includes(join(folder, "c.sock"))) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`;
      if ((await statfs(path).catch(() => undefined))?.type === FUSE) return path;
    }
  }
  throw new Error("the server has no such file system");
}

test("has its objects as files, read with a token of the service account, and ends when nobody has it", async () => {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateKey = keys.privateKey.export({ type: "pkcs8", format: "pem" });
  const account = { type: "service_account", client_email: "a@b.example", private_key: privateKey };
  const serviceAccount = JSON.stringify({ ...account, token_uri: `${url}token` });
  const cgroups = await Cgroups.open(`gs-${randomInt(1_000_000)}`);
  const namespaces = new Set(["mount", "ipc", "uts"] as const);
  const host = { uids: new UidAllocator(71_600), cgroups, namespaces, folder, openNetworks: [] };
  const held = await startBucket(host, {
    name: "gs-1",
    source: { kind: "bucket", uri: "gs://pictures", createdAtMs: 1 },
    credentials: { kind: "gcp", serviceAccount, endpointUrl: url },
    readOnly: false,
    cwd: folder,
    controlSocket: "c.sock",
    tag: newVolumeId(),
  });
  const root = await served();
  expect((await run("ls", [`${root}/`])).stdout).toBe("first.txt\n");
  expect(await readFile(`${root}/first.txt`, "utf8")).toBe("hello");
  expect(asked).toEqual(expect.arrayContaining(["/token", "/b/pictures/o", "/media"]));
  using control = await ControlConnection.open(join(folder, "c.sock"));
  const { told } = await control.ask("list");
  const [{ tag }] = told["attachments"] as [{ tag: string }];
  await control.ask("detach", { words: { tag } });
  await endBucket(host, held);
  expect(await isAlive(held.process)).toBe(false);
  expect(await readdir(folder)).not.toContain("gs-1");
  await cgroups.close();
});
