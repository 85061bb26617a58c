/** Real filesystems in real files, without a VM: what they hold, what they reserve, and what is left when a daemon ends in the middle. */
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hookSteps, newVolumeId, type StepName, type VolumeId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runTool } from "../processes/spawn.ts";
import { mayGrowMounted } from "./filesystem.ts";
import { loopsBeneath, mountsBeneath } from "./mount-table.ts";
import { VolumeStore } from "./volume-store.ts";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const BLOCK = 512;
const TOOL = { timeoutMs: 60_000 };

let folder: string;
let root: string;
let store: VolumeStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-volumes-"));
  root = join(folder, "volumes");
  store = await opened();
});

afterEach(async () => {
  await store.close();
  expect(await traces()).toEqual({ mounts: [], loops: [] });
  await rm(folder, { recursive: true });
});

async function opened(): Promise<VolumeStore> {
  const next = new VolumeStore(root);
  await next.recover();
  return next;
}

async function traces() {
  return { mounts: await mountsBeneath(root), loops: await loopsBeneath(root) };
}

async function made(sizeGib = 1): Promise<VolumeId> {
  const volumeId = newVolumeId();
  await store.create({ volumeId, kind: "directory", sizeGib });
  return volumeId;
}

describe("a disk", () => {
  async function disk(): Promise<{ volumeId: VolumeId; image: string }> {
    const volumeId = newVolumeId();
    await store.create({ volumeId, kind: "disk", sizeGib: 1 });
    return { volumeId, image: join(root, volumeId, "disk.raw") };
  }

  test("has its bytes reserved and a file system, and is never mounted on the host", async () => {
    const { volumeId, image } = await disk();
    expect((await stat(image)).blocks * BLOCK).toBeGreaterThanOrEqual(GIB);
    await runTool("e2fsck", ["-n", "-f", image], TOOL);
    await expect(store.mounted(volumeId)).rejects.toMatchObject({ code: "not_supported" });
    expect(await store.usage(volumeId)).toEqual({ sizeGib: 1, usedBytes: GIB });
    expect(await traces()).toEqual({ mounts: [], loops: [] });
  });

  test("is one VM's at a time, by the name that it has there, and neither grows nor goes meanwhile", async () => {
    const { volumeId, image } = await disk();
    const [one, other] = [join(folder, "one"), join(folder, "other")];
    expect(await store.linkDisk(volumeId, one)).toBe(GIB);
    for (const refused of [
      () => store.linkDisk(volumeId, other),
      () => store.grow(volumeId, 2),
      () => store.remove(volumeId),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "volume_busy" });
    await rm(one);
    await store.grow(volumeId, 2);
    expect((await stat(image)).size).toBe(2 * GIB);
    await store.remove(volumeId);
    expect(await store.usage(volumeId)).toBeUndefined();
  });
});

describe("a volume", () => {
  test("begins empty, with all its bytes reserved on the host", async () => {
    const volumeId = await made();
    const image = await stat(join(root, volumeId, "files.ext4"));
    expect(image.size).toBe(GIB);
    expect(image.blocks * BLOCK).toBeGreaterThanOrEqual(GIB);
    expect(await traces()).toEqual({ mounts: [], loops: [] });
    const path = await store.mounted(volumeId);
    expect(await readdir(path)).toEqual([]);
    const usage = await store.usage(volumeId);
    expect(usage?.sizeGib).toBe(1);
    expect(usage?.usedBytes).toBeLessThan(MIB);
  });

  test("keeps its bytes: no table of inodes is left for the kernel to clear, and holes of before are filled", async () => {
    const volumeId = await made();
    const image = join(root, volumeId, "files.ext4");
    const groups = (await runTool("dumpe2fs", [image], TOOL))
      .split("\n")
      .filter((line) => /^Group \d+:/.test(line));
    expect(groups.length).toBeGreaterThan(1);
    for (const group of groups) expect(group).toContain("ITABLE_ZEROED");
    await runTool("fallocate", ["--punch-hole", "--offset", "900MiB", "--length", "2MiB", image], TOOL);
    expect((await stat(image)).blocks * BLOCK).toBeLessThan(GIB);
    const path = await store.mounted(volumeId);
    expect((await stat(image)).blocks * BLOCK).toBeGreaterThanOrEqual(GIB);
    const line = (await readFile("/proc/self/mountinfo", "utf8"))
      .split("\n")
      .find((one) => one.includes(path));
    expect(line).toContain("noinit_itable");
  });

  test("runs nothing, opens no device, and lends nobody rights", async () => {
    const path = await store.mounted(await made());
    const line = (await readFile("/proc/self/mountinfo", "utf8"))
      .split("\n")
      .find((one) => one.includes(path));
    for (const option of ["nosuid", "nodev", "noexec"]) expect(line).toContain(option);
  });

  test("counts what is in it, and holds what it promises but no block more", async () => {
    const volumeId = await made();
    const path = await store.mounted(volumeId);
    await writeFile(join(path, "file"), Buffer.alloc(8 * MIB, 1));
    await runTool("sync", ["-f", path], TOOL);
    const { usedBytes = 0 } = (await store.usage(volumeId)) ?? {};
    expect(usedBytes).toBeGreaterThanOrEqual(8 * MIB);
    expect(usedBytes).toBeLessThan(9 * MIB);
    await expect(runTool("fallocate", ["-l", "2GiB", join(path, "large")], TOOL)).rejects.toThrow("No space");
    // What was written is still reserved, and not a hole.
    const image = await stat(join(root, volumeId, "files.ext4"));
    expect(image.blocks * BLOCK).toBeGreaterThanOrEqual(GIB);
  });

  test("is copied as it is at one moment, whoever writes, and the copy has its own bytes", async () => {
    const [volumeId, copy] = [await made(), newVolumeId()];
    const path = await store.mounted(volumeId);
    await writeFile(join(path, "file"), Buffer.alloc(8 * MIB, 1));
    const frozen = Promise.withResolvers<void>();
    let after: Promise<void> | undefined;
    onTestFinished(
      hookSteps((step) => {
        if (step !== "volume.frozen") return Promise.resolve();
        // Waits until the copy is made.
        after = writeFile(join(path, "after"), "later");
        frozen.resolve();
        return Promise.resolve();
      }),
    );
    await store.create({ volumeId: copy, kind: "directory", sizeGib: 2, copyOf: volumeId });
    await frozen.promise;
    await after;
    const image = join(root, copy, "files.ext4");
    await runTool("e2fsck", ["-n", "-f", image], TOOL);
    expect((await stat(image)).blocks * BLOCK).toBeGreaterThanOrEqual(2 * GIB);
    const copied = await store.mounted(copy);
    expect(await readdir(copied)).toEqual(["file"]);
    expect((await readFile(join(copied, "file"))).equals(Buffer.alloc(8 * MIB, 1))).toBe(true);
    expect((await readdir(path)).toSorted()).toEqual(["after", "file"]);
    await runTool("fallocate", ["-l", "1500MiB", join(copied, "large")], TOOL);
  });

  test("takes all that it promises while the host's disk is full, and it is there afterwards", async () => {
    const disk = join(folder, "host.ext4");
    const host = join(folder, "host");
    await mkdir(host);
    await runTool("truncate", ["-s", "1300MiB", disk], TOOL);
    await runTool("mkfs.ext4", ["-q", "-F", disk], TOOL);
    await runTool("mount", ["-o", "loop", disk, host], TOOL);
    const inner = new VolumeStore(join(host, "volumes"));
    try {
      await inner.recover();
      const volumeId = newVolumeId();
      await inner.create({ volumeId, kind: "directory", sizeGib: 1 });
      const path = await inner.mounted(volumeId);
      const fill = runTool("dd", ["if=/dev/zero", `of=${join(host, "fill")}`, "bs=1M"], TOOL);
      await expect(fill).rejects.toThrow("No space");
      // Spread, so that the host has to split what it has reserved.
      const content = Buffer.alloc(64 * 1024, 7);
      for (let at = 0; at < 200; at++) {
        await using file = await open(join(path, `file-${at}`), "w");
        await file.write(content);
        await file.sync();
      }
      await runTool("fallocate", ["-l", "4GiB", join(path, "large")], TOOL).catch(() => undefined);
      await expect(
        inner.create({ volumeId: newVolumeId(), kind: "directory", sizeGib: 1 }),
      ).rejects.toMatchObject({ code: "out_of_disk" });
      await inner.close();
      await runTool("e2fsck", ["-n", "-f", join(host, "volumes", volumeId, "files.ext4")], TOOL);
      const again = await inner.mounted(volumeId);
      for (let at = 0; at < 200; at++)
        expect((await readFile(join(again, `file-${at}`))).equals(content)).toBe(true);
    } finally {
      await inner.close();
      await runTool("umount", [host], TOOL);
    }
  });

  test("grows while its files are open, where the kernel lets the daemon; else it says so, and grows when they are not", async () => {
    const volumeId = await made();
    const path = await store.mounted(volumeId);
    {
      await using file = await open(join(path, "file"), "w");
      const grown = store.grow(volumeId, 2);
      if (await mayGrowMounted()) await grown;
      else {
        await expect(grown).rejects.toThrow("busy");
        expect((await store.usage(volumeId))?.sizeGib).toBe(1);
      }
      await file.write("still here");
    }
    await store.grow(volumeId, 2);
    await store.grow(volumeId, 1);
    expect((await store.usage(volumeId))?.sizeGib).toBe(2);
    expect(await readFile(join(await store.mounted(volumeId), "file"), "utf8")).toBe("still here");
    await runTool("fallocate", ["-l", "1500MiB", join(path, "large")], TOOL);
    const image = await stat(join(root, volumeId, "files.ext4"));
    expect(image.blocks * BLOCK).toBeGreaterThanOrEqual(2 * GIB);
  });

  test("has its new bytes before anybody has to wait for it, and gives them back where it does not grow", async () => {
    const volumeId = await made();
    const image = join(root, volumeId, "files.ext4");
    const sizes = async () => {
      const { blocks, size } = await stat(image);
      return { gib: size / GIB, isReserved: blocks * BLOCK >= 2 * GIB };
    };
    store = new VolumeStore(root, false);
    await store.recover();
    const refused = store.grow(volumeId, 2, async () => {
      expect(await sizes()).toEqual({ gib: 1, isReserved: true });
      throw new Error("somebody has it");
    });
    await expect(refused).rejects.toThrow("somebody has it");
    expect(await sizes()).toEqual({ gib: 1, isReserved: false });
    await endsAt("volume.growth-reserved", () => store.grow(volumeId, 2));
    expect(await sizes()).toEqual({ gib: 1, isReserved: true });
    store = new VolumeStore(root, false);
    await store.recover();
    expect(await sizes()).toEqual({ gib: 1, isReserved: false });
    await store.grow(volumeId, 2);
    expect(await sizes()).toEqual({ gib: 2, isReserved: true });
    await runTool("fallocate", ["-l", "1500MiB", join(await store.mounted(volumeId), "large")], TOOL);
  });

  test("that its tool had in hand when the power went is repaired before it is mounted", async () => {
    const volumeId = await made();
    const image = join(root, volumeId, "files.ext4");
    await writeFile(join(await store.mounted(volumeId), "file"), "text");
    await store.close();
    // As resize2fs leaves it that ends midway: it says that it is at it, and blocks are nobody's that are not free.
    for (const change of ["set_super_value state 2", "setb 5000 64"])
      await runTool("debugfs", ["-w", "-R", change, image], TOOL);
    store = new VolumeStore(root, false);
    await store.recover();
    expect(await readFile(join(await store.mounted(volumeId), "file"), "utf8")).toBe("text");
    await store.close();
    await runTool("e2fsck", ["-n", "-f", image], TOOL);
    store = new VolumeStore(root, false);
  });

  test("that nobody has mounted since the host went down grows with all that was synced", async () => {
    const volumeId = await made();
    const [path, image] = [await store.mounted(volumeId), join(root, volumeId, "files.ext4")];
    for (let at = 0; at < 300; at++) await writeFile(join(path, `file-${at}`), `content ${at}`);
    await runTool("sync", ["--file-system", path], TOOL);
    // As a power cut leaves it: what was synced is in the journal, and not yet where it belongs.
    const cut = join(folder, "cut");
    await runTool("cp", ["--sparse=always", image, cut], TOOL);
    await store.close();
    await runTool("cp", ["--sparse=always", cut, image], TOOL);
    store = new VolumeStore(root, false);
    await store.recover();
    await store.grow(volumeId, 2);
    await runTool("e2fsck", ["-n", "-f", image], TOOL);
    const again = await store.mounted(volumeId);
    for (let at = 0; at < 300; at++)
      expect(await readFile(join(again, `file-${at}`), "utf8")).toBe(`content ${at}`);
  });

  test("is not mounted while a tool of an earlier daemon still works on its image", async () => {
    const volumeId = await made();
    const [image, over] = [join(root, volumeId, "files.ext4"), join(folder, "over")];
    const begun = join(folder, "begun");
    const script = `touch ${begun}; sleep 0.5; touch ${over}`;
    const working = runTool("flock", [image, "sh", "-c", script], TOOL);
    while (!(await readdir(folder)).includes("begun")) await sleep(5);
    await store.mounted(volumeId);
    expect(await readdir(folder)).toContain("over");
    await working;
  });

  test("is neither removed nor grown from under whoever has a mount of its own of it", async () => {
    const volumeId = await made();
    const path = await store.mounted(volumeId);
    const other = join(folder, "other");
    await mkdir(other);
    await runTool("mount", ["--bind", path, other], TOOL);
    await expect(store.remove(volumeId)).rejects.toMatchObject({ code: "volume_busy" });
    if (!(await mayGrowMounted())) {
      await expect(store.grow(volumeId, 2)).rejects.toMatchObject({ code: "volume_busy" });
    }
    await writeFile(join(other, "file"), "one filesystem");
    expect(await readFile(join(await store.mounted(volumeId), "file"), "utf8")).toBe("one filesystem");
    await store.close();
    expect(await mountsBeneath(root)).toHaveLength(1);
    await runTool("umount", [other], TOOL);
    await store.remove(volumeId);
  });

  test("goes while another namespace has a copy of its mount, and stays where a file is open in that", async () => {
    const volumeId = await made();
    const path = await store.mounted(volumeId);
    await writeFile(join(path, "file"), "text");
    const [held, copied, theirs] = ["held", "copied", "theirs"].map((name) => join(folder, name));
    // A container's programs are its own, and nothing that the host's root should run.
    await writeFile(join(folder, "umount"), `#!/bin/sh\ntouch ${theirs}\n`, { mode: 0o755 });
    const script = `mount --bind ${folder}/umount "$(command -v umount)"
      exec 3<${path}/file; touch ${held}; while [ -e ${held} ]; do sleep 0.02; done
      exec 3<&-; touch ${copied}; while [ -e ${copied} ]; do sleep 0.02; done`;
    const over = new AbortController();
    const unshared = ["--mount", "--propagation", "private", "sh", "-c", script];
    const copying = runTool("unshare", unshared, TOOL).finally(() => over.abort());
    const comes = async (name: string): Promise<void> => {
      while (!over.signal.aborted && !(await readdir(folder)).includes(name)) await sleep(5);
    };
    // What ends it early is what the test fails with.
    await Promise.race([comes("held"), copying]);
    await expect(store.remove(volumeId)).rejects.toMatchObject({ code: "volume_busy" });
    expect(await readFile(join(path, "file"), "utf8")).toBe("text");
    await rm(held ?? "");
    await Promise.race([comes("copied"), copying]);
    await store.remove(volumeId);
    expect(await readdir(folder)).not.toContain("theirs");
    await rm(copied ?? "");
    await copying;
  });

  test("that the host has no room for is refused, and leaves nothing; one that cannot grow is as it was", async () => {
    await expect(made(1_000_000)).rejects.toMatchObject({ code: "out_of_disk" });
    expect(await readdir(root)).toEqual([]);
    const volumeId = await made();
    await expect(store.grow(volumeId, 1_000_000)).rejects.toMatchObject({ code: "out_of_disk" });
    expect((await store.usage(volumeId))?.sizeGib).toBe(1);
    expect((await stat(join(root, volumeId, "files.ext4"))).blocks * BLOCK).toBeLessThan(2 * GIB);
  });

  test("keeps its files over an end of the daemon, mounted or not", async () => {
    const volumeId = await made();
    const path = await store.mounted(volumeId);
    await writeFile(join(path, "file"), "kept");
    store = await opened();
    expect((await mountsBeneath(root)).map((mount) => mount.path)).toEqual([path]);
    expect(await readFile(join(await store.mounted(volumeId), "file"), "utf8")).toBe("kept");
    await store.close();
    store = await opened();
    expect(await readFile(join(await store.mounted(volumeId), "file"), "utf8")).toBe("kept");
    await store.remove(volumeId);
    await store.remove(volumeId);
    expect(await store.list()).toEqual([]);
  });

  test("of another name than an id leads nowhere", async () => {
    await expect(store.mounted("../outside" as VolumeId)).rejects.toMatchObject({ code: "not_found" });
    expect(await store.usage("../outside" as VolumeId)).toBeUndefined();
  });
});

test("a volume that is asked for its use while it is removed is told of as one that is gone", async () => {
  const volumeId = await made();
  const asked = Promise.withResolvers<Promise<unknown>>();
  onTestFinished(
    hookSteps(async (step) => {
      if (step !== "volume.remove-begun") return;
      asked.resolve(store.usage(volumeId));
      // Until it has seen that there is one.
      await sleep(50);
    }),
  );
  await Promise.all([store.remove(volumeId), expect(asked.promise).resolves.toBeUndefined()]);
});

/** Whatever the daemon has not done at this step it never does. */
async function endsAt(name: StepName, work: () => Promise<unknown>): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const unhook = hookSteps((step) => {
    if (step !== name) return Promise.resolve();
    reached.resolve();
    return new Promise(() => undefined);
  });
  onTestFinished(unhook);
  void work().catch(() => undefined);
  await reached.promise;
  unhook();
}

describe("a daemon that ends in the middle", () => {
  test.each(["volume.begun", "volume.allocated", "volume.formatted", "volume.mounted"] as const)(
    "of a making, at %s, leaves nothing to the next",
    async (name) => {
      await endsAt(name, () => made());
      store = await opened();
      expect(await readdir(root)).toEqual([]);
      expect(await traces()).toEqual({ mounts: [], loops: [] });
    },
  );

  test.each(["volume.grow-begun", "volume.allocated"] as const)(
    "of growing, at %s, leaves a volume that grows by the next call",
    async (name) => {
      const volumeId = await made();
      await writeFile(join(await store.mounted(volumeId), "file"), "kept");
      await endsAt(name, () => store.grow(volumeId, 2));
      store = await opened();
      await store.grow(volumeId, 2);
      const path = await store.mounted(volumeId);
      await runTool("fallocate", ["-l", "1500MiB", join(path, "large")], TOOL);
      expect(await readFile(join(path, "file"), "utf8")).toBe("kept");
    },
  );

  test.each(["volume.frozen", "volume.copied"] as const)(
    "of a copy, at %s, leaves nothing of it, and a volume that is written to",
    async (name) => {
      const volumeId = await made();
      await writeFile(join(await store.mounted(volumeId), "file"), "kept");
      const order = { volumeId: newVolumeId(), kind: "directory", sizeGib: 1, copyOf: volumeId } as const;
      await endsAt(name, () => store.create(order));
      store = await opened();
      expect(await readdir(root)).toEqual([volumeId]);
      await runTool("touch", [join(await store.mounted(volumeId), "another")], { timeoutMs: 5000 });
    },
  );

  test.each(["volume.remove-begun", "volume.unmounted", "volume.renamed"] as const)(
    "of a removal, at %s, leaves all of it or nothing",
    async (name) => {
      const volumeId = await made();
      await writeFile(join(await store.mounted(volumeId), "file"), "kept");
      await endsAt(name, () => store.remove(volumeId));
      store = await opened();
      const isLeft = (await store.list()).includes(volumeId);
      expect(isLeft).toBe(name !== "volume.renamed");
      if (isLeft) expect(await readFile(join(await store.mounted(volumeId), "file"), "utf8")).toBe("kept");
      expect((await readdir(root)).length).toBe(isLeft ? 1 : 0);
    },
  );

  test("between a loop device and its mount leaves no device", async () => {
    const volumeId = await made();
    await runTool("losetup", ["--find", join(root, volumeId, "files.ext4")], TOOL);
    expect((await traces()).loops).toHaveLength(1);
    store = await opened();
    expect((await traces()).loops).toEqual([]);
  });
});
