/** What guests may keep of a volume, with real servers: one that has it alone, several, several that only read. */
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newVolumeId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runTool, startServing, type Serving } from "../../processes/spawn.ts";
import { ControlConnection } from "./control.ts";
import { attachFolder, VOLUME_SERVER } from "./programs.ts";
import { VolumeSharing, type SharingServer } from "./sharing.ts";

const USER = "1850000";
const PATIENCE_MS = 20_000;
const id = newVolumeId();

let folder: string;
let root: string;
let sharing: VolumeSharing;
let started: Serving[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-sharing-"));
  root = join(folder, "root");
  await mkdir(root);
  sharing = new VolumeSharing();
  started = [];
});

afterEach(async () => {
  for (const serving of started) serving.kill();
  await Promise.all(started.map(({ exited }) => exited));
  await rm(folder, { recursive: true });
});

async function start({ writes = true } = {}): Promise<SharingServer> {
  const controlSocket = join(folder, `${started.length}.sock`);
  const words = ["serve", "--port-fd", "3", "--control", controlSocket, "--user", USER];
  const serving = startServing(VOLUME_SERVER, words);
  started.push(serving);
  await serving.ready;
  return { key: controlSocket, controlSocket, writes };
}

function joins(server: SharingServer, path = root): Promise<void> {
  const { controlSocket, writes } = server;
  return sharing.join(id, server, () => attachFolder({ controlSocket, tag: id, path, readOnly: !writes }));
}

async function cacheOf({ controlSocket }: SharingServer): Promise<unknown> {
  using connection = await ControlConnection.open(controlSocket);
  const { told } = await connection.ask("list");
  return (told["attachments"] as readonly { readonly cache: string }[])[0]?.cache;
}

const becomes = (server: SharingServer, cache: string) =>
  expect.poll(() => cacheOf(server), { timeout: PATIENCE_MS }).toBe(cache);

test("one that is alone keeps for a moment, until another comes, and again when that has gone", async () => {
  const [one, other] = [await start(), await start()];
  await joins(one);
  await becomes(one, "exclusive");
  let wasShared: unknown;
  const begun = Date.now();
  await sharing.join(id, other, async () => {
    wasShared = await cacheOf(one);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(100);
    await attachFolder({ controlSocket: other.controlSocket, tag: id, path: root, readOnly: false });
  });
  expect(wasShared).toBe("shared");
  expect(await cacheOf(other)).toBe("shared");
  await sharing.leave(id, one.key);
  await becomes(other, "exclusive");
});

test("one that was unmounted since it was found is not attached, nor its mount point, and it is once it is there", async () => {
  const [one, tool] = [await start(), { timeoutMs: PATIENCE_MS }];
  await runTool("mount", ["-t", "tmpfs", "volume", root], tool);
  const { dev: device } = await stat(root);
  const attach = () =>
    attachFolder({ controlSocket: one.controlSocket, tag: id, path: root, device, readOnly: false });
  try {
    await expect(
      sharing.join(id, one, async () => {
        await runTool("umount", [root], tool);
        await attach();
      }),
    ).rejects.toMatchObject({ code: "volume_busy" });
    expect(await cacheOf(one)).toBeUndefined();
  } finally {
    await runTool("mount", ["-t", "tmpfs", "volume", root], tool);
  }
  const { dev } = await stat(root);
  await attachFolder({ controlSocket: one.controlSocket, tag: id, path: root, device: dev, readOnly: false });
  expect(await cacheOf(one)).toBe("shared");
  started[0]?.kill();
  await started[0]?.exited;
  await runTool("umount", [root], tool);
});

test("of two that come at once neither is alone, and one that ends leaves the other alone", async () => {
  const [one, other] = [await start(), await start()];
  await Promise.all([joins(one), joins(other)]);
  await becomes(one, "shared");
  await becomes(other, "shared");
  started[0]?.kill();
  await started[0]?.exited;
  await sharing.leaveAll(one.key);
  await becomes(other, "exclusive");
});

test("those that only read all keep, until one writes", async () => {
  const [one, other, writer] = [
    await start({ writes: false }),
    await start({ writes: false }),
    await start(),
  ];
  await joins(one);
  await joins(other);
  await becomes(one, "exclusive");
  await becomes(other, "exclusive");
  await joins(writer);
  expect([await cacheOf(one), await cacheOf(other)]).toEqual(["shared", "shared"]);
});

test("one that could not be attached has not come; one of an earlier daemon's has", async () => {
  const [one, other] = [await start(), await start()];
  await attachFolder({ controlSocket: one.controlSocket, tag: id, path: root, readOnly: false });
  sharing.found(id, one);
  await expect(joins(other, join(folder, "gone"))).rejects.toThrow();
  await becomes(one, "exclusive");
  await joins(other);
  expect(await cacheOf(one)).toBe("shared");
});
