/** What a worker has to tell of itself, for whoever watches it. */
import type { Hits, VmId } from "@fastvm/contract";
import type { ResolverTotals } from "./dns/resolver.ts";
import type { Parts } from "./vm/state/worker-context.ts";
import { volumeCounters, type VolumeCounters } from "./vm/volumes/volume-counters.ts";

export interface WorkerMetrics {
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

export async function workerMetrics(context: Parts<"network" | "vms">): Promise<WorkerMetrics> {
  const records = [...context.vms.values()].map(({ record }) => record);
  const vms = { running: 0, paused: 0, stopped: 0, error: 0, starting: 0 };
  for (const { phase } of records) vms[phase]++;
  const network = await context.network?.metrics();
  const traffic = records.flatMap(({ vmId, network: held }) => {
    const found = held && network?.traffic.get(held.index);
    return found === undefined ? [] : [{ vmId, ...found.traffic, dropped: found.dropped }];
  });
  const volumes = await volumeCounters(context.vms.values());
  return { vms, traffic, volumes, names: network?.names };
}
