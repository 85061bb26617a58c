/** What a worker has to tell of itself, for whoever watches it. */
import { cpus, loadavg } from "node:os";
import type { Hits, VmId, VmSample } from "@fastvm/contract";
import type { ResolverTotals } from "./dns/resolver.ts";
import { readHostMemory } from "./host/memory.ts";
import { diskRoom } from "./vm/state/admission.ts";
import type { UsageHistories } from "./vm/state/usage-history.ts";
import type { Parts } from "./vm/state/worker-context.ts";
import { volumeCounters, type VolumeCounters } from "./vm/volumes/volume-counters.ts";

/** VMs whose own figures are told, those first that are here the longest: each has some thirty series. */
const MAX_SHOWN_VMS = 256;

export interface WorkerMetrics {
  /** How many of them have no figures of their own here. */
  readonly notShown: number;
  /** As they were looked at last. */
  readonly usage: readonly { readonly vmId: VmId; readonly sample: VmSample }[];
  /** What is ready for launches: VMs that stand by, and processes that wait. */
  readonly ready: { readonly standby: number; readonly process: number };
  readonly host: HostFigures;
  /** VMs by phase. */
  readonly vms: Readonly<Record<"running" | "paused" | "stopped" | "error" | "starting", number>>;
  /** Of each VM with a network, counted since its present life began. */
  readonly traffic: readonly {
    readonly vmId: VmId;
    readonly sent: Hits;
    readonly received: Hits;
    readonly dropped: Hits;
  }[];
  /** Of each volume that a running VM has. */
  readonly volumes: readonly VolumeCounters[];
  /** Absent where VMs have no network. */
  readonly names: ResolverTotals | undefined;
}

interface HostFigures {
  readonly processors: number;
  /** Of all processors together, since the host began. */
  readonly busySeconds: number;
  /** Over a minute. */
  readonly load: number;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  /** Where VMs are. */
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number };
}

const MIB = 1024 ** 2;

export async function workerMetrics(
  context: Parts<"config" | "network" | "pool" | "standby" | "vms">,
  histories: Pick<UsageHistories, "latest">,
): Promise<WorkerMetrics> {
  const all = [...context.vms.values()];
  const vms = { running: 0, paused: 0, stopped: 0, error: 0, starting: 0 };
  for (const { record } of all) vms[record.phase]++;
  const shown = all.slice(0, MAX_SHOWN_VMS);
  const records = shown.map(({ record }) => record);
  const ids = new Set(records.map(({ vmId }) => vmId));
  const network = await context.network?.metrics();
  const traffic = records.flatMap(({ vmId, network: held }) => {
    const found = held && network?.traffic.get(held.index);
    return found === undefined ? [] : [{ vmId, ...found.traffic, dropped: found.dropped }];
  });
  const volumes = await volumeCounters(shown);
  return {
    vms,
    notShown: all.length - shown.length,
    usage: histories.latest().filter(({ vmId }) => ids.has(vmId)),
    ready: { standby: context.standby.ready, process: context.pool.ready },
    host: await hostFigures(context.config.dataDir),
    traffic,
    volumes,
    names: network?.names,
  };
}

async function hostFigures(dataDir: string): Promise<HostFigures> {
  const memory = readHostMemory();
  const disk = await diskRoom(dataDir);
  const processors = cpus();
  const busyMs = processors.reduce(
    (sum, { times }) => sum + times.user + times.nice + times.sys + times.irq,
    0,
  );
  return {
    processors: processors.length,
    busySeconds: busyMs / 1000,
    load: loadavg()[0] ?? 0,
    memory: { totalBytes: memory.totalMib * MIB, availableBytes: memory.availableMib * MIB },
    disk,
  };
}
