/** What is told to be kept in single files is there, and whole, when the power goes right after; what was taken away does not come back. */
import { existsSync } from "node:fs";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newOrgId, newVmId, parseMachineType } from "@fastvm/contract";
import { expect, test } from "vitest";
import { readContexts, writeContexts } from "../../packages/cli/src/settings/contexts.ts";
import { DEFAULT_CONFIG } from "../../packages/control-plane/src/config.ts";
import { openSqliteStore, type Store } from "../../packages/control-plane/src/store/store.ts";
import { SealingKeys } from "../../packages/control-plane/src/sealing/sealing-keys.ts";
import { BuildCaches } from "../../packages/worker/src/cache/build-caches.ts";
import { EVERYBODY, ImageNames } from "../../packages/worker/src/images/image-names.ts";
import { ImageStore } from "../../packages/worker/src/images/image-store.ts";
import { readJournal, writeJournal } from "../../packages/worker/src/journal/journal.ts";
import type { QmpClient } from "../../packages/worker/src/qemu/qmp-client.ts";
import { compactDisk } from "../../packages/worker/src/vm/capture/compact-disk.ts";
import { LateSettling } from "../../packages/worker/src/vm/state/late-settling.ts";
import { Vm } from "../../packages/worker/src/vm/state/vm.ts";
import type { Guest, VmRecord } from "../../packages/worker/src/vm/state/vm.ts";
import { removeWhole } from "../../packages/worker/src/snapshot/partial-folder.ts";
import { ForgetfulFilesystem } from "./forgetful-filesystem.ts";

/** So many that a name which nobody synced is lost in one of them. */
const CUTS = 8;
const ORG = newOrgId();
const BLOCK = 4096;
/** Of a transaction that nobody waits for: many times what it takes, as the disk is a program that others keep from the processor. */
const LATE_MS = 4_000;

async function sync(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

function image(name: string) {
  const digest = `sha256:${"a".repeat(64)}`;
  return {
    owner: EVERYBODY,
    reference: `registry.test/${name}:1`,
    digest,
    platform: "linux/amd64",
    sizeBytes: 1,
    pulledAtMs: 0,
  };
}

/** A disk at rest, known to be so. */
async function restingDisk(folder: string): Promise<void> {
  const made = join(folder, "made");
  await writeFile(made, Buffer.alloc(BLOCK, 1));
  await new BuildCaches(join(folder, "caches")).keep(ORG, made);
  for (const path of [join(folder, "caches"), folder]) await sync(path);
}

function record(phase: "paused" | "running"): VmRecord {
  const machine = parseMachineType("c1m2");
  if (machine === undefined) throw new Error("c1m2 is no machine type");
  const identity = { hostname: phase, envVars: {}, authorizedKeys: [] };
  const process = {
    diskGib: 10,
    imageDigest: "",
    uid: 0,
    slot: "",
    linkGeneration: "",
    chain: ["0.raw", "1.qcow2"],
  } as const;
  return { vmId: newVmId(), machine, identity, phase, generation: 1, ...process };
}

/** Of a VM that does not run, changed after its state was published. */
async function changedJournal(folder: string): Promise<void> {
  const journal = record("paused");
  await writeJournal(folder, journal);
  for (const path of [join(folder, "journal.json"), folder]) await sync(path);
  await writeJournal(folder, { ...journal, generation: 2 });
}

/** Of one that is not strict, a moment after it was launched, and again after it was changed. */
async function settledVm(folder: string): Promise<Vm> {
  const vm = new Vm(join(folder, "vms", "one"), record("running"));
  await mkdir(join(vm.folder, "disk"), { recursive: true });
  await sync(folder);
  await writeFile(join(vm.folder, "disk", "0.raw"), Buffer.alloc(BLOCK, 1));
  await writeFile(join(vm.folder, "disk", "1.qcow2"), Buffer.alloc(BLOCK, 2));
  const errors: unknown[] = [];
  const settling = new LateSettling({
    vms: new Map([[vm.vmId, vm]]),
    onError: (error) => errors.push(error),
  });
  for (const generation of [1, 2]) {
    await vm.update({ generation });
    await settling.settleAll();
  }
  // A fork: what its guest wrote until then is its children's disk, too.
  await writeFile(join(vm.folder, "disk", "1.qcow2"), Buffer.alloc(BLOCK, 3));
  await writeFile(join(vm.folder, "disk", "2.qcow2"), Buffer.alloc(BLOCK, 4));
  await vm.update({ chain: ["0.raw", "1.qcow2", "2.qcow2"] });
  await settling.settleAll();
  expect(errors).toEqual([]);
  return vm;
}

/** Of one that is not strict, of whose disk many layers have become one. */
async function compactedVm(folder: string): Promise<Vm> {
  const chain = Array.from({ length: 18 }, (_, layer) => (layer === 0 ? "0.raw" : `${layer}.qcow2`));
  const vm = new Vm(join(folder, "compacted"), { ...record("running"), chain });
  const disk = join(vm.folder, "disk");
  await mkdir(disk, { recursive: true });
  for (const layer of chain) await writeFile(join(disk, layer), Buffer.alloc(BLOCK, 1));
  await vm.update({});
  const held = [...chain.map((layer) => join(disk, layer)), join(vm.folder, "journal.json")];
  for (const path of [...held, disk, vm.folder, folder]) await sync(path);
  const streams = async (): Promise<void> => await writeFile(join(disk, "17.qcow2"), Buffer.alloc(BLOCK, 5));
  vm.setGuest({ qemu: { qmp: monitorOf(streams) }, link: undefined } as unknown as Guest);
  await compactDisk(vm);
  return vm;
}

/** Of a QEMU whose flush ends at the host's memory, as of a VM that is not strict. */
function monitorOf(streams: () => Promise<void>): Pick<QmpClient, "execute" | "onEvent" | "closed"> {
  const completed = { event: "BLOCK_JOB_COMPLETED", data: { device: "compact" }, timestamp: 0 };
  let tell: Parameters<QmpClient["onEvent"]>[0] = () => undefined;
  return {
    closed: new Promise(() => undefined),
    onEvent: (listener) => {
      tell = listener;
      return () => undefined;
    },
    execute: async (command) => {
      if (command === "human-monitor-command") return "";
      if (command === "query-named-block-nodes") return [];
      await streams();
      tell(completed);
      return {};
    },
  };
}

/** By a transaction that nobody waited for, as of the launch of a VM that is not strict. */
async function recordedLate(folder: string): Promise<Store> {
  const store = await openSqliteStore(join(folder, "store.db"));
  const organisation = { id: ORG, name: "first", createdAt: 1, limits: DEFAULT_CONFIG.defaultLimits };
  await store.organisations.create(organisation);
  const later = { ...organisation, id: newOrgId(), name: "later", createdAt: 2 };
  await store.transaction((records) => records.organisations.create(later), "process");
  // One that is waited for and changes nothing writes nothing, and so syncs nothing.
  await store.transaction((records) => records.organisations.list());
  await sleep(LATE_MS);
  return store;
}

async function publishedState(folder: string): Promise<string> {
  const state = join(folder, "state");
  await mkdir(state);
  await writeFile(join(state, "manifest.json"), "{}");
  for (const path of [join(state, "manifest.json"), state, folder]) await sync(path);
  return state;
}

test("names of images, disks of builds, keys, contexts and journals outlive a power cut", async () => {
  await using disk = await ForgetfulFilesystem.mount(11);
  for (let cut = 0; cut < CUTS; cut++) {
    const folder = join(disk.folder, `${cut}`);
    await mkdir(folder);
    for (const path of [folder, disk.folder]) await sync(path);
    await restingDisk(folder);
    const keys = new SealingKeys({ file: join(folder, "key"), isMade: true });
    const caches = new BuildCaches(join(folder, "caches"));
    const cacheDir = join(folder, "cache");
    await ImageStore.open({ cacheDir, registriesFile: undefined });
    const names = new ImageNames(join(cacheDir, "oci", "names"));

    for (const name of ["kept", "removed"]) await names.put(image(name));
    await sync(join(cacheDir, "oci", "names"));
    await names.put(image("new"));
    await names.remove(EVERYBODY, image("removed").reference);
    const { id } = await keys.newest();
    await caches.take(ORG, join(folder, "taken"));
    for (const apiKey of ["one", "another"])
      await writeContexts(folder, { byName: new Map([["server", { url: "http://server.test", apiKey }]]) });
    await changedJournal(folder);
    const state = await publishedState(folder);
    await removeWhole(state);
    const vm = await settledVm(folder);
    const compacted = await compactedVm(folder);
    const store = await recordedLate(folder);
    disk.cutPower();
    // Only now, as this would sync what is written; nothing may have a file open.
    await store.close().catch(() => undefined);
    await disk.bringPowerBack();

    const records = await openSqliteStore(join(folder, "store.db"));
    expect((await records.organisations.list()).map((each) => each.name)).toEqual(["first", "later"]);
    await records.close();
    const held = await names.list();
    expect(held.map(({ reference }) => reference)).toEqual([image("kept").reference, image("new").reference]);
    expect((await keys.newest()).id).toBe(id);
    expect((await readJournal(folder))?.generation).toBe(2);
    expect(existsSync(state)).toBe(false);
    expect((await readJournal(vm.folder))?.generation, "a VM that is not strict").toBe(2);
    const layerOf = (of: Vm, layer: string) => readFile(join(of.folder, "disk", layer));
    expect(await layerOf(vm, "1.qcow2"), "what a fork froze").toEqual(Buffer.alloc(BLOCK, 3));
    expect(await layerOf(vm, "2.qcow2")).toEqual(Buffer.alloc(BLOCK, 4));
    expect((await readJournal(compacted.folder))?.chain).toEqual(["0.raw", "17.qcow2"]);
    expect(await layerOf(compacted, "17.qcow2"), "what a compaction copied").toEqual(Buffer.alloc(BLOCK, 5));
    expect(await caches.list(), "what a guest wrote is no disk at rest").toEqual([]);
    await expect(readContexts(folder)).resolves.toBeDefined();
  }
  // Of which half a minute is that each cut waits for what is late.
}, 180_000);
