/**
 * A package takes the place of an older one whose VMs run: they go on, what it captured is restored, and the older one, put back, refuses
 * before it has changed anything. The programs are as they are installed, without npm.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { Installed, layOut } from "../harness/installed.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { makeAuthority } from "../harness/private-authority.ts";
import { processesIn } from "../harness/processes.ts";
import type { Received } from "../harness/tls-origin.ts";

const ROOT = "/var/cache/fastvm-test";
const SHARED_CACHE = "/var/cache/fastvm";
/**
 * Of before volumes, pages in files of their own, and half of the migrations, and the oldest whose VMs have the hardware that they have
 * today. What is older refuses snapshots in words (snapshot/manifest.ts); its VMs run on as well.
 */
const OLDER = "9a172a1a";
const looked = spawnSync("git", ["cat-file", "-e", `${OLDER}^{commit}`], { encoding: "utf8" });
const hasHistory = looked.status === 0;
const gitSays = (looked.stderr ?? String(looked.error)).trim();
const PORT = 8443;
const VALUE = "the-very-value-of-the-secret-77aa";
/** What a base image's root file system is known by. */
const RECIPE = ["apt-sources.sh", "packages", "rootfs.sh", "unpack-kernel.sh", "customize.sh", "files"];
/** What a daemon writes as it runs, records or not; and disks of VMs that run on, whose guests write. */
const LIVE_FILES = /daemon\.log$|staging|compile|\/vms\/[^/]+\/disk\//;

// A clone without history has no older tree to make a package of; ./test says so before its totals.
const skipped = hasHistory ? "" : `: skipped, git has no such commit here, as in a shallow clone: ${gitSays}`;
describe.skipIf(!hasHistory)(`an upgrade from ${OLDER}${skipped}`, () => {
  let folder: string;
  let lab: NetworkLab;
  let installed: Installed;
  let client: FastvmClient;
  const vms: Record<string, Vm> = {};
  let snapshot: Snapshot;
  let inMemory: Memory;
  let captured: Memory;
  const at = (name: string): string => join(folder, name);

  beforeAll(async () => {
    await mkdir(ROOT, { recursive: true });
    folder = await mkdtemp(join(ROOT, "upgrade-"));
    await Promise.all([layOut(at("older"), OLDER), layOut(at("newer"))]);
    await makeOlderImage();
    lab = await NetworkLab.start();
    const { host, settings } = lab.daemonOptions;
    const flags = ["--ipv6-prefix", settings.ipv6Prefix, "--nameserver", ...settings.nameservers];
    installed = new Installed({ host, dataDir: at("data"), flags });
    await installed.start(at("older"), at("cache"));
    client = await installed.client();
    const launched = await Promise.all(
      ["running", "paused"].map((name) => client.vms.launch({ machineType: "c1m2", name })),
    );
    for (const each of launched) vms[each.name] = each;
    for (const each of launched) await sh(client, each, `echo ${each.name} > /root/mark`);
    captured = await startKeeper(client, vm("running"));
    snapshot = await client.snapshots.create({ vmId: vm("running").id, name: "older" });
    await client.vms.pause(vm("paused"));
    inMemory = await askKeeper(client, vm("running"));
    await installed.end(at("older"), "stop");
    await installed.start(at("newer"), SHARED_CACHE);
    client = await installed.client();
  }, 600_000);

  afterAll(async () => {
    await installed?.end(at("newer"), "daemon", "stop", "--delete-vms");
    for (const { pid } of await processesIn(at("data"))) process.kill(pid, "SIGKILL");
    await lab?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  function vm(name: string): Vm {
    const found = vms[name];
    if (found === undefined) throw new Error(`there is no VM ${name}`);
    return found;
  }

  /** Of the root file system that there is, with the older agent and kernel command line. */
  async function makeOlderImage(): Promise<void> {
    await mkdir(at("cache/rootfs"), { recursive: true });
    for (const each of await readdir(join(SHARED_CACHE, "rootfs"))) {
      execFileSync("cp", ["-al", join(SHARED_CACHE, "rootfs", each), at("cache/rootfs")]);
    }
    // Of today's recipe: what the agent of then starts in is another matter, and would be made from packages each time.
    const recipe = RECIPE.map((name) => at(`newer/guest/image/${name}`));
    execFileSync("cp", ["-a", "--remove-destination", ...recipe, at("older/guest/image")]);
    execFileSync(at("older/guest/image/build.sh"), {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", FASTVM_CACHE_DIR: at("cache") },
    });
  }

  test("VMs run on, with their memory, address and files", async () => {
    const now = await client.vms.get(vm("running"));
    expect(now).toMatchObject({ status: "running", publicIpv6: vm("running").publicIpv6 });
    expectContinues(await askKeeper(client, now), inMemory);
    expect(await sh(client, now, "cat /root/mark")).toBe("running");
  });

  test("paused VMs and snapshots go on where they were", async () => {
    await client.vms.resume(vm("paused"));
    expect(await sh(client, vm("paused"), "cat /root/mark")).toBe("paused");
    const restored = await client.snapshots.restore(snapshot);
    expectContinues(await askKeeper(client, restored), captured);
    await client.vms.delete(restored);
  });

  test("VMs of before are snapshotted, stopped and started as new ones are", async () => {
    const again = await client.snapshots.create({ vmId: vm("running").id });
    const restored = await client.snapshots.restore(again);
    expectContinues(await askKeeper(client, restored), inMemory);
    await client.vms.delete(restored);
    await client.vms.stop(vm("running"));
    await client.vms.start(vm("running"));
    expect(await sh(client, vm("running"), "cat /root/mark")).toBe("running");
  });

  test("programs that are started by their paths are all there: a new VM's TLS is intercepted", async () => {
    const authority = makeAuthority(folder, ["DNS:api.test"]);
    await lab.setNames({ "api.test": [{ type: "A", data: WORLD.v4, ttl: 60 }] });
    await lab.startOrigin({ address: WORLD.v4, port: PORT, cert: authority.chain, key: authority.key });
    const launched = await client.vms.launch({
      machineType: "c1m2",
      tls: { ports: [PORT], upstreamCa: [authority.ca] },
      secrets: [{ name: "TOKEN", value: VALUE, hosts: ["api.test"] }],
    });
    const answer = await sh(
      client,
      launched,
      `curl -sS -m 20 -H "X-Token: $TOKEN" https://api.test:${PORT}/`,
    );
    expect((JSON.parse(answer) as Received).headers).toContain(VALUE);
  });

  test("the older one, put back, refuses, and has changed nothing", async () => {
    await installed.end(at("newer"), "daemon", "stop");
    const before = digests(at("data"));
    const refused = await installed.start(at("older"), at("cache")).catch((error: unknown) => error);
    expect(String(refused)).toMatch(/The records in .* cannot be used/);
    expect(digests(at("data"))).toEqual(before);
    await installed.start(at("newer"), SHARED_CACHE);
    expect(await sh(client, vm("running"), "cat /root/mark")).toBe("running");
  });
});

/** Of all files that nobody but a daemon writes: records, keys, journals, manifests. */
function digests(folder: string): Record<string, string> {
  const names = execFileSync("find", [folder, "-type", "f", "-size", "-2M", "-not", "-path", "*/proc/*"], {
    encoding: "utf8",
  });
  const files = names.split("\n").filter((name) => name !== "" && existsSync(name) && !LIVE_FILES.test(name));
  return Object.fromEntries(
    files.toSorted().map((name) => [name, createHash("sha256").update(readFileSync(name)).digest("hex")]),
  );
}
