/** The figures of how cost grows, by what it grows with. */
import { ADOPTED_VMS, GROWTH_VMS, measureGrowth } from "./measure/growth.ts";
import type { AdoptedVms, GrowthVms } from "./measure/growth.ts";
import { DELTAS_MIB, measureSnapshotRestore, PAGE_FILES } from "./measure/snapshot-restore.ts";
import type { DeltaMib, PageFiles } from "./measure/snapshot-restore.ts";
import { measureStorm, STORM_VMS } from "./measure/storm.ts";
import type { Session } from "./session.ts";
import { median, percentile } from "./statistics.ts";

export type GrowthFigure =
  | `growth_${"launch" | "floor_restore" | "exec" | "floor_exec"}_${GrowthVms}_ms_p50`
  | `growth_daemon_rss_${AdoptedVms}_mib`
  | "growth_daemon_mib_per_vm"
  | `growth_adoption_${AdoptedVms}_ms_per_vm`
  | `restore_delta_${DeltaMib}mib_ms_p50`
  | `restore_files_${PageFiles}_ms_p50`
  | "restore_floor_ms_p50"
  | "storm_ms_p50"
  | "floor_storm_ms_p50"
  | "storm_per_second"
  | "storm_launch_ms_p99"
  | "storm_stall_ms_max";

const MS_PER_SECOND = 1_000;
/** Of three storms there are ninety launches. */
const TAIL = 99;

export async function growthFigures(
  session: Session,
  rounds: number,
  progress: (text: string) => void,
): Promise<Partial<Record<GrowthFigure, number>>> {
  progress("measuring restores of snapshots");
  const restores = await measureSnapshotRestore(session, rounds);
  progress("measuring storms");
  const storm = await measureStorm(session);
  const { hosts, adoptions } = await measureGrowth(session, rounds, progress);
  const figures: Partial<Record<GrowthFigure, number>> = {
    restore_floor_ms_p50: median(restores.floorMs),
    storm_ms_p50: median(storm.stormMs),
    floor_storm_ms_p50: median(storm.floorStormMs),
    storm_per_second: (STORM_VMS * MS_PER_SECOND) / median(storm.stormMs),
    storm_launch_ms_p99: percentile(storm.launchMs, TAIL),
    storm_stall_ms_max: Math.max(...storm.stallMs),
  };
  for (const mib of DELTAS_MIB)
    figures[`restore_delta_${mib}mib_ms_p50`] = median(restores.byDelta.get(mib) ?? []);
  for (const files of PAGE_FILES)
    figures[`restore_files_${files}_ms_p50`] = median(restores.byFiles.get(files) ?? []);
  for (const vms of GROWTH_VMS) {
    const host = hosts.get(vms);
    if (host === undefined) continue;
    figures[`growth_launch_${vms}_ms_p50`] = median(host.launchMs);
    figures[`growth_floor_restore_${vms}_ms_p50`] = median(host.floorRestoreMs);
    figures[`growth_exec_${vms}_ms_p50`] = median(host.execMs);
    figures[`growth_floor_exec_${vms}_ms_p50`] = median(host.floorExecMs);
  }
  for (const vms of ADOPTED_VMS) {
    const adoption = adoptions.get(vms);
    if (adoption === undefined) continue;
    figures[`growth_adoption_${vms}_ms_per_vm`] = adoption.msPerVm;
    figures[`growth_daemon_rss_${vms}_mib`] = adoption.daemonRssMib;
  }
  const [few, , many] = ADOPTED_VMS;
  const [before, after] = [figures[`growth_daemon_rss_${few}_mib`], figures[`growth_daemon_rss_${many}_mib`]];
  if (before !== undefined && after !== undefined) {
    figures.growth_daemon_mib_per_vm = (after - before) / (many - few);
  }
  return figures;
}
