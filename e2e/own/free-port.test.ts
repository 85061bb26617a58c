import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readConfig, startDaemon, stopDaemon } from "@fastvm/daemon";
import { FastvmClient } from "fastvm";
import { sh } from "../harness/guest.ts";

/** Beside the default cache, so that layers are shared by hard link as they are in use. */
const ROOT = "/var/cache/fastvm-test";

test("a daemon that may choose its port is found there, and its VMs find it", async () => {
  await mkdir(ROOT, { recursive: true });
  const dataDir = await mkdtemp(join(ROOT, "data-"));
  const local = await mkdtemp(join(tmpdir(), "fastvm-port-"));
  const config = readConfig({ dataDir, port: 0, poolSize: 0 });
  try {
    const { url, apiKey } = await startDaemon(config);
    expect(Number(new URL(url).port)).toBeGreaterThan(0);
    const client = new FastvmClient({ apiKey, baseUrl: url });
    const vm = await client.vms.launch({ machineType: "c1m2" });
    await writeFile(join(local, "file"), "there and back");
    await client.upload(vm, join(local, "file"), "/root/file");
    expect(await sh(client, vm, "cat /root/file")).toBe("there and back");
    // The guest's own curl reaches the API's port too.
    await client.download(vm, "/root/file", join(local, "back"));
    // It is the same daemon, not a second one.
    expect((await startDaemon(config)).url).toBe(url);
  } finally {
    await stopDaemon({ dataDir, vms: "delete" });
    for (const folder of [dataDir, local]) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
});
