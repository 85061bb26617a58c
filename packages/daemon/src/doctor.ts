/** Looks at the host the way a daemon would and says, line by line, what works, what is weaker than it could be, and what to do. */
import { readFile, stat, statfs } from "node:fs/promises";
import { inspectCache, inspectHost, inspectNetwork, inspectTracking, readHostMemory } from "@fastvm/worker";
import { checkConfinement } from "./check-confinement.ts";
import type { DaemonConfig } from "./config.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import { findInstance } from "./instance-file.ts";
import { listQuarantine } from "./quarantine.ts";

export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
  /** Whether a daemon could run VMs here. */
  readonly ok: boolean;
}

const GIB = 1024 ** 3;
const MIB_PER_GIB = 1024;
const MIN_FREE_MEMORY_GIB = 2;
const MIN_FREE_DISK_GIB = 5;

export async function runDoctor(config: DaemonConfig): Promise<DoctorReport> {
  const all = await Promise.all([
    checkRoot(),
    checkImage(config),
    checkAccelerator(config),
    checkConfinement(),
    checkTracking(),
    checkNetwork(config),
    Promise.resolve(checkMemory(config)),
    checkDisk(config),
    checkCache(config),
    checkDaemon(config),
    checkQuarantine(config),
  ]);
  const checks = all.flat();
  return { checks, ok: checks.every((check) => check.status !== "fail") };
}

async function checkRoot(): Promise<DoctorCheck> {
  if (process.getuid?.() === 0) return { name: "privileges", status: "ok", detail: "runs as root" };
  return {
    name: "privileges",
    status: "fail",
    detail: `runs as user ${process.getuid?.()}`,
    hint: "Start the daemon as root: it gives every VM a user of its own",
  };
}

async function checkImage(config: DaemonConfig): Promise<DoctorCheck> {
  try {
    const manifest = JSON.parse(await readFile(`${config.imageDir}/manifest.json`, "utf8")) as {
      kernelVersion?: string;
    };
    return { name: "guest image", status: "ok", detail: `kernel ${manifest.kernelVersion ?? "?"}` };
  } catch {
    return {
      name: "guest image",
      status: "fail",
      detail: `none in ${config.imageDir}`,
      hint: "Build it: guest/image/build.sh, or with the Debian package: systemctl start fastvm-image",
    };
  }
}

async function checkAccelerator(config: DaemonConfig): Promise<DoctorCheck> {
  try {
    const { qemuVersion, verdict } = await inspectHost(config.imageDir, config.cacheDir);
    const detail = `QEMU ${qemuVersion}, ${verdict.accelerator}: ${verdict.because}`;
    if (verdict.accelerator === "kvm") return { name: "virtualization", status: "ok", detail };
    return {
      name: "virtualization",
      status: "warn",
      detail,
      hint: "VMs are emulated in software: everything works, guests compute several times slower. A host with KVM is faster",
    };
  } catch (error) {
    return {
      name: "virtualization",
      status: "fail",
      detail: error instanceof Error ? error.message : String(error),
      hint: "Install qemu-system-x86",
    };
  }
}

async function checkTracking(): Promise<DoctorCheck> {
  const name = "captures";
  const { tracksWrites, detail } = await inspectTracking();
  if (tracksWrites) {
    return {
      name,
      status: "ok",
      detail: "the kernel tracks writes: each copies what was written since the last",
    };
  }
  return {
    name,
    status: "warn",
    detail: `the kernel does not track writes (${detail}): each copies all of a VM's own memory while the VM stands still`,
    hint: "Use Linux 6.7 or newer, and in a container allow userfaultfd",
  };
}

async function checkNetwork(config: DaemonConfig): Promise<DoctorCheck> {
  const name = "network";
  if (config.network === "none") {
    return { name, status: "warn", detail: "VMs have none", hint: "Start the daemon with --network on" };
  }
  const found = await inspectNetwork();
  if (found.kind === "works") {
    const detail = "namespaces, TAP devices, nftables and traffic control work";
    if (found.ipv6) return { name, status: "ok", detail };
    return {
      name,
      status: "warn",
      detail: `${detail}; this host has no IPv6`,
      hint: "VMs have IPv4 alone and no public address; enable IPv6 (sysctl net.ipv6.conf.*.disable_ipv6) for both",
    };
  }
  return {
    name,
    status: "fail",
    detail: found.reason,
    hint: "Give the daemon CAP_NET_ADMIN and CAP_SYS_ADMIN, install iproute2 and nftables, or start it with --network none",
  };
}

function checkMemory({ memoryOvercommit }: DaemonConfig): DoctorCheck {
  const name = "memory";
  const { totalMib, availableMib, group } = readHostMemory();
  const [total, free] = [gib(totalMib), gib(availableMib)];
  const within = group === undefined ? "" : ` in the control group ${group}`;
  const detail =
    `${free} of ${total} free${within}; VMs that run may be promised ` +
    `${gib(totalMib * memoryOvercommit)} (--memory-overcommit ${memoryOvercommit})`;
  if (availableMib >= MIN_FREE_MEMORY_GIB * MIB_PER_GIB) return { name, status: "ok", detail };
  return { name, status: "warn", detail, hint: "A first VM needs about 1 GiB to make its template" };
}

function gib(mib: number): string {
  return `${(mib / MIB_PER_GIB).toFixed(1)} GiB`;
}

async function checkDisk(config: DaemonConfig): Promise<DoctorCheck> {
  const folder = await existingParent(config.dataDir);
  const { bavail, bsize } = await statfs(folder);
  const free = (bavail * bsize) / GIB;
  const detail = `${free.toFixed(1)} GiB free in ${folder}`;
  if (free >= MIN_FREE_DISK_GIB) return { name: "disk", status: "ok", detail };
  return {
    name: "disk",
    status: "warn",
    detail,
    hint: "Image and templates take about 2 GiB, each VM what it writes",
  };
}

/** Layers are shared by hard link, which ends where a filesystem does. */
async function checkCache(config: DaemonConfig): Promise<DoctorCheck> {
  const [data, cache, size] = await Promise.all([
    existingParent(config.dataDir).then((folder) => stat(folder)),
    existingParent(config.cacheDir).then((folder) => stat(folder)),
    inspectCache(config.cacheDir, config.dataDir, config.cacheGib),
  ]);
  const used = (size.bytes / GIB).toFixed(1);
  const budget = Math.floor(size.budgetBytes / GIB);
  const { images, templates, pulled, builds } = size;
  const kinds = `${images} images, ${templates} templates, ${pulled} of registries, ${builds} of builds`;
  const detail = `${used} of ${budget} GiB (--cache-gib), ${kinds}`;
  if (data.dev === cache.dev)
    return { name: "cache", status: "ok", detail: `${detail}, on the filesystem of the VMs` };
  return {
    name: "cache",
    status: "warn",
    detail: `${detail}, on another filesystem than the VMs`,
    hint: "Each template is copied once; put both folders on one filesystem to share it",
  };
}

async function checkDaemon(config: DaemonConfig): Promise<DoctorCheck> {
  const instance = await findInstance(config.dataDir);
  const detail =
    instance === undefined ? "not running" : `running, pid ${instance.process.pid}, ${instance.url}`;
  return { name: "daemon", status: "ok", detail };
}

async function checkQuarantine(config: DaemonConfig): Promise<DoctorCheck> {
  const name = "quarantine";
  if ((await findInstance(config.dataDir)) === undefined) {
    return { name, status: "ok", detail: "told by a daemon that runs" };
  }
  try {
    const kept = await listQuarantine(config.dataDir);
    const [first] = kept;
    if (first === undefined) return { name, status: "ok", detail: "empty" };
    const count = (kind: string): number => kept.filter((one) => one.kind === kind).length;
    return {
      name,
      status: "warn",
      detail: `${count("vm")} VMs and ${count("snapshot")} snapshots that no record knows; the first ends at ${first.endsAt}`,
      hint: "Is this the right database, and is it up to date? See fastvm quarantine ls; end them with fastvm quarantine rm",
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, status: "warn", detail: `cannot be read: ${detail}`, hint: "Look into the daemon's log" };
  }
}

async function existingParent(folder: string): Promise<string> {
  const exists = await stat(folder).then(
    () => true,
    () => false,
  );
  return exists || folder === "/"
    ? folder
    : await existingParent(folder.slice(0, folder.lastIndexOf("/")) || "/");
}
