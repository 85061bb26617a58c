/** Runs the measures and names what came out. The names are those of `--json`. */
import { availableParallelism } from "node:os";
import type { Language } from "./builds/language-images.ts";
import { growthFigures } from "./growth-figures.ts";
import type { GrowthFigure } from "./growth-figures.ts";
import { BUILD_PHASES, BUILD_TURNS, measureBuilds } from "./measure/builds.ts";
import type { BuildTimes, BuildTurn, MeasuredPhase } from "./measure/builds.ts";
import { measureCapture } from "./measure/capture.ts";
import { measureExec } from "./measure/exec.ts";
import { measureFirewall } from "./measure/firewall.ts";
import { FLOODS, measureFlood, VICTIMS, type Load, type Victim } from "./measure/flood.ts";
import { measureFork } from "./measure/fork.ts";
import { measureIdle } from "./measure/idle.ts";
import { measureImageLaunch } from "./measure/image-launch.ts";
import { measureLaunch } from "./measure/launch.ts";
import { measurePools } from "./measure/pools.ts";
import { measureTelemetry } from "./measure/telemetry.ts";
import { measureTti } from "./measure/tti.ts";
import { measureMemory } from "./measure/memory.ts";
import { measurePauses, PRIVATE_CELL } from "./measure/pause.ts";
import type { CellName, PauseSamples } from "./measure/pause.ts";
import { measureProxy, PROXY_WAYS } from "./measure/proxy.ts";
import { measurePrivateForks } from "./measure/private-fork.ts";
import { measureRestart } from "./measure/restart.ts";
import { FILE_WORKS, measureVolumes, type FileWork } from "./measure/volumes.ts";
import { measureWeight } from "./measure/weight.ts";
import { measureWriteFaults } from "./measure/write-faults.ts";
import { measureStrict } from "./measure/strict.ts";
import type { MeasureName } from "./options.ts";
import type { Session } from "./session.ts";
import type { Way } from "./proxy/wire.ts";
import { median, MIN_P99_SAMPLES, p99, percentile } from "./statistics.ts";

type FloodFigure = `flood_${Victim}_${Load}_ms_${"p50" | "max"}`;

type PauseFigure = `pause_${CellName}_ms_${"p50" | "p99"}` | `floor_pause_${CellName}_ms_p50`;

type ProxyFigure = `proxy_${"request" | "connection" | "download"}_${Way}_ms_p50`;

type VolumeFigure = `${"volume" | "own_disk" | "ninep" | "ninep_disk"}_${FileWork}_ms_p50`;

type BuildFigure = `build_${Language}_${BuildTurn}_${MeasuredPhase}_s`;

/** Absent: not measured in this run. */
export interface Figures extends Readonly<
  Partial<Record<FloodFigure | PauseFigure | BuildFigure | ProxyFigure | VolumeFigure | GrowthFigure, number>>
> {
  readonly command_ms_p50?: number;
  readonly floor_command_ms_p50?: number;
  readonly daemon_idle_mib?: number;
  readonly floor_daemon_mib?: number;
  readonly floor_restore_ms_p50?: number;
  readonly launch_ms_p50?: number;
  readonly launch_pool_ms_p50?: number;
  readonly launch_base_ms_p50?: number;
  readonly launch_image_ms_p50?: number;
  readonly tti_row_ms_p50?: number;
  readonly tti_row_ms_p95?: number;
  readonly tti_row_ms_p99?: number;
  readonly tti_staggered_ms_p50?: number;
  readonly tti_second_ms_p50?: number;
  readonly tti_second_launch_ms_p50?: number;
  readonly tti_second_exec_ms_p50?: number;
  /** Of a list of VMs, a second after anybody asked for anything. */
  readonly idle_list_ms_p50?: number;
  readonly tti_burst_ms_p50?: number;
  readonly tti_burst_ms_p95?: number;
  readonly tti_burst_wall_ms?: number;
  readonly floor_burst_wall_ms?: number;
  readonly cycle_cpu_ms?: number;
  readonly floor_cycle_cpu_ms?: number;
  readonly processors?: number;
  readonly pool_checkout_ms_p50?: number;
  readonly pool_standby_ms_p50?: number;
  readonly pool_cold_ms_p50?: number;
  readonly floor_exec_ms_p50?: number;
  readonly exec_ms_p50?: number;
  readonly watched_exec_ms_p50?: number;
  readonly unwatched_exec_ms_p50?: number;
  readonly metrics_read_ms_p50?: number;
  readonly watched_daemon_mib?: number;
  readonly unwatched_daemon_mib?: number;
  readonly capture_pause_ms_p50?: number;
  readonly capture_dirty_mib?: number;
  readonly fork_pause_ms_p50?: number;
  readonly fork_dirty_mib?: number;
  readonly snapshot_private_ms_p50?: number;
  readonly fork1_private_ms_p50?: number;
  readonly fork1_idle_ms_p50?: number;
  readonly fork10_private_ms_p50?: number;
  readonly fork10_idle_ms_p50?: number;
  readonly fork10_private_pss_mib?: number;
  readonly fork10_idle_pss_mib?: number;
  readonly write_faults_percent?: number;
  readonly write_faults?: number;
  readonly write_fault_us?: number;
  readonly floor_restore10_ms?: number;
  readonly fork10_ms?: number;
  readonly clone_pss_mib?: number;
  readonly clone_private_mib?: number;
  readonly clone_shared_mib?: number;
  readonly clone_alone_pss_mib?: number;
  readonly daemon_rss_mib?: number;
  readonly link_in_ms_p50?: number;
  readonly link_out_ms_p50?: number;
  readonly volume_pause_ms_p50?: number;
  readonly volume_pause_without_ms_p50?: number;
  readonly strict_sync_ms_p50?: number;
  readonly default_sync_ms_p50?: number;
  readonly host_sync_ms_p50?: number;
  readonly idle_cpu_percent?: number;
  readonly floor_nft_ms_p50?: number;
  readonly proxy_idle_mib?: number;
  readonly proxy_held_mib?: number;
  readonly firewall_attach_ms_p50?: number;
  readonly firewall_attach_names_ms_p50?: number;
  readonly firewall_update_ms_p50?: number;
  readonly firewall_block_ms_p50?: number;
  readonly restart_empty_ms_p50?: number;
  readonly restart_ms_p50?: number;
  readonly restart_answered_ms_p50?: number;
  readonly template_boot_s?: number;
}

type Samples = Readonly<Record<string, readonly number[]>>;

export interface Measured {
  readonly figures: Figures;
  /** All rounds, for whoever wants another statistic than the p50. */
  readonly samples: Samples;
}

type Measure = (
  session: Session,
  rounds: number,
  full: boolean,
  progress: (text: string) => void,
) => Promise<Measured>;

export const MEASURE: Readonly<Record<MeasureName, Measure>> = {
  async launch(session, rounds) {
    const samples = await measureLaunch(session, rounds);
    return {
      figures: {
        floor_restore_ms_p50: median(samples.floorRestoreMs),
        launch_ms_p50: median(samples.launchMs),
        launch_pool_ms_p50: median(samples.launchPoolMs),
      },
      samples: { ...samples },
    };
  },
  async image(session, rounds) {
    const { baseMs, imageMs } = await measureImageLaunch(session, rounds);
    return {
      figures: { launch_base_ms_p50: median(baseMs), launch_image_ms_p50: median(imageMs) },
      samples: { baseMs, imageMs },
    };
  },
  async tti(session) {
    const { rowMs, staggeredMs, secondMs, burstMs, ...rest } = await measureTti(session);
    const { secondLaunchMs, secondExecMs, idleListMs } = rest;
    return {
      figures: {
        tti_row_ms_p50: median(rowMs),
        tti_row_ms_p95: percentile(rowMs, 95),
        tti_row_ms_p99: percentile(rowMs, 99),
        tti_staggered_ms_p50: median(staggeredMs),
        tti_second_ms_p50: median(secondMs),
        tti_second_launch_ms_p50: median(secondLaunchMs),
        tti_second_exec_ms_p50: median(secondExecMs),
        idle_list_ms_p50: median(idleListMs),
        tti_burst_ms_p50: median(burstMs),
        tti_burst_ms_p95: percentile(burstMs, 95),
        tti_burst_wall_ms: rest.burstWallMs,
        floor_burst_wall_ms: rest.floorBurstWallMs,
        cycle_cpu_ms: rest.cycleCpuMs,
        floor_cycle_cpu_ms: rest.floorCycleCpuMs,
        processors: availableParallelism(),
      },
      samples: { rowMs, staggeredMs, secondMs, secondLaunchMs, secondExecMs, idleListMs, burstMs },
    };
  },
  async weight(session, rounds) {
    const { commandMs, floorCommandMs, daemonMib, floorDaemonMib } = await measureWeight(session, rounds);
    return {
      figures: {
        command_ms_p50: median(commandMs),
        floor_command_ms_p50: median(floorCommandMs),
        daemon_idle_mib: daemonMib,
        floor_daemon_mib: floorDaemonMib,
      },
      samples: { commandMs, floorCommandMs },
    };
  },
  async growth(session, rounds, _full, progress) {
    return { figures: await growthFigures(session, rounds, progress), samples: {} };
  },
  async pools(session, rounds) {
    const { checkoutMs, standbyMs, coldMs } = await measurePools(session, rounds);
    return {
      figures: {
        pool_checkout_ms_p50: median(checkoutMs),
        pool_standby_ms_p50: median(standbyMs),
        pool_cold_ms_p50: median(coldMs),
      },
      samples: { checkoutMs, standbyMs, coldMs },
    };
  },
  async builds(session, _rounds, _full, progress) {
    return { figures: buildFigures(await measureBuilds(session, progress)), samples: {} };
  },
  async strict(session, rounds) {
    const samples = await measureStrict(session, rounds);
    return {
      figures: {
        strict_sync_ms_p50: median(samples.strictSyncMs),
        default_sync_ms_p50: median(samples.defaultSyncMs),
        host_sync_ms_p50: median(samples.hostSyncMs),
      },
      samples: { ...samples },
    };
  },
  async volumes(session, rounds) {
    const { volume, ownDisk, ninep, ninepDisk, ...samples } = await measureVolumes(session, rounds);
    const figures: Partial<Record<VolumeFigure, number>> = {};
    const works: Record<string, readonly number[]> = {};
    for (const [place, took] of [
      ["volume", volume],
      ["own_disk", ownDisk],
      ["ninep", ninep],
      ["ninep_disk", ninepDisk],
    ] as const) {
      for (const work of FILE_WORKS) {
        works[`${place}_${work}`] = took.map((round) => round[work]);
        figures[`${place}_${work}_ms_p50`] = median(took.map((round) => round[work]));
      }
    }
    return {
      figures: {
        ...figures,
        link_in_ms_p50: median(samples.linkInMs),
        link_out_ms_p50: median(samples.linkOutMs),
        volume_pause_ms_p50: median(samples.pauseMs),
        volume_pause_without_ms_p50: median(samples.pauseWithoutMs),
      },
      samples: { ...samples, ...works },
    };
  },
  async exec(session, rounds) {
    const samples = await measureExec(session, rounds);
    return {
      figures: { floor_exec_ms_p50: median(samples.floorExecMs), exec_ms_p50: median(samples.execMs) },
      samples: { ...samples },
    };
  },
  async telemetry(_session, rounds) {
    const { watchedExecMs, unwatchedExecMs, readMs, watchedMib, unwatchedMib } =
      await measureTelemetry(rounds);
    return {
      figures: {
        watched_exec_ms_p50: median(watchedExecMs),
        unwatched_exec_ms_p50: median(unwatchedExecMs),
        metrics_read_ms_p50: median(readMs),
        watched_daemon_mib: watchedMib,
        unwatched_daemon_mib: unwatchedMib,
      },
      samples: { watchedExecMs, unwatchedExecMs, readMs },
    };
  },
  async capture(session, rounds, full, progress) {
    const samples = await measureCapture(session, rounds);
    progress("measuring pauses by size, amount and guest");
    const pauses = await measurePauses(session, rounds, full);
    progress("measuring forks of much memory");
    const forks = await measurePrivateForks(session, rounds);
    progress("measuring write faults");
    const faults = await measureWriteFaults(session, rounds);
    return {
      figures: {
        capture_pause_ms_p50: median(samples.capturePauseMs),
        capture_dirty_mib: median(samples.captureDirtyMib),
        fork_pause_ms_p50: median(samples.forkPauseMs),
        fork_dirty_mib: median(samples.forkDirtyMib),
        ...pauseFigures(pauses),
        fork1_private_ms_p50: median(forks.fork1Ms),
        fork1_idle_ms_p50: median(forks.idleFork1Ms),
        fork10_private_ms_p50: median(forks.fork10Ms),
        fork10_idle_ms_p50: median(forks.idleFork10Ms),
        fork10_private_pss_mib: median(forks.pss10Mib),
        fork10_idle_pss_mib: median(forks.idlePss10Mib),
        write_faults_percent: median(faults.writeFaultPercent),
        write_faults: median(faults.writeFaults),
        write_fault_us: median(faults.writeFaultUs),
      },
      samples: { ...samples, ...pauseSamples(pauses), ...forks, ...faults },
    };
  },
  async fork(session, rounds) {
    const samples = await measureFork(session, rounds);
    return {
      figures: { floor_restore10_ms: median(samples.floorRestore10Ms), fork10_ms: median(samples.fork10Ms) },
      samples: { ...samples },
    };
  },
  async memory(session) {
    const memory = await measureMemory(session);
    return {
      figures: {
        clone_pss_mib: memory.clonePssMib,
        clone_private_mib: memory.clonePrivateMib,
        clone_shared_mib: memory.cloneSharedMib,
        clone_alone_pss_mib: memory.cloneAlonePssMib,
        daemon_rss_mib: memory.daemonRssMib,
      },
      samples: {},
    };
  },
  async idle(session) {
    return { figures: { idle_cpu_percent: await measureIdle(session) }, samples: {} };
  },
  async firewall(_session, rounds) {
    const samples = await measureFirewall(rounds);
    return {
      figures: {
        floor_nft_ms_p50: median(samples.floorNftMs),
        firewall_attach_ms_p50: median(samples.attachMs),
        firewall_attach_names_ms_p50: median(samples.attachNamesMs),
        firewall_update_ms_p50: median(samples.updateMs),
        firewall_block_ms_p50: median(samples.blockMs),
      },
      samples: { ...samples },
    };
  },
  async proxy(_session, rounds) {
    const { requestMs, connectionMs, downloadMs, idleMib, heldMib } = await measureProxy(rounds);
    const figures: Partial<Record<ProxyFigure, number>> = {};
    for (const way of PROXY_WAYS) {
      figures[`proxy_request_${way}_ms_p50`] = median(requestMs[way]);
      figures[`proxy_connection_${way}_ms_p50`] = median(connectionMs[way]);
      figures[`proxy_download_${way}_ms_p50`] = median(downloadMs[way]);
    }
    return {
      figures: { ...figures, proxy_idle_mib: idleMib, proxy_held_mib: heldMib },
      samples: { ...samplesByWay("request", requestMs), ...samplesByWay("connection", connectionMs) },
    };
  },
  async restart(_session, rounds) {
    const samples = await measureRestart(rounds);
    return {
      figures: {
        restart_empty_ms_p50: median(samples.restartEmptyMs),
        restart_ms_p50: median(samples.restartMs),
        restart_answered_ms_p50: median(samples.restartAnsweredMs),
      },
      samples: { ...samples },
    };
  },
  async flood(session, rounds) {
    const samples = await measureFlood(session, rounds);
    const figures: Partial<Record<FloodFigure, number>> = {};
    for (const victim of VICTIMS) {
      for (const load of ["idle", ...FLOODS] as const) {
        const taken = samples[`${victim}_${load}`];
        figures[`flood_${victim}_${load}_ms_p50`] = median(taken);
        figures[`flood_${victim}_${load}_ms_max`] = Math.max(...taken);
      }
    }
    return { figures, samples };
  },
};

function samplesByWay(
  what: string,
  samples: Readonly<Record<Way, readonly number[]>>,
): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(samples).map(([way, taken]) => [`proxy_${what}_${way}_ms`, taken]),
  );
}

function buildFigures(times: BuildTimes): Figures {
  const figures: Partial<Record<BuildFigure, number>> = {};
  for (const [language, turns] of times) {
    for (const turn of BUILD_TURNS) {
      for (const phase of BUILD_PHASES) {
        const seconds = turns[turn][phase];
        if (seconds !== undefined) figures[`build_${language}_${turn}_${phase}_s`] = seconds;
      }
    }
  }
  return figures;
}

function pauseFigures({ cells, floors }: PauseSamples): Figures {
  const figures: Partial<Record<PauseFigure, number>> = {};
  for (const [name, { pauseMs }] of cells) {
    figures[`pause_${name}_ms_p50`] = median(pauseMs);
    if (pauseMs.length >= MIN_P99_SAMPLES) figures[`pause_${name}_ms_p99`] = p99(pauseMs);
  }
  for (const [name, floorMs] of floors) figures[`floor_pause_${name}_ms_p50`] = median(floorMs);
  const [, ...laterMs] = cells.get(PRIVATE_CELL)?.callMs ?? [];
  return laterMs.length === 0 ? figures : { ...figures, snapshot_private_ms_p50: median(laterMs) };
}

function pauseSamples({ cells, floors }: PauseSamples): Samples {
  return Object.fromEntries([
    ...[...cells].flatMap(([name, { pauseMs, callMs }]) => [
      [`pause_${name}`, pauseMs],
      [`snapshot_${name}`, callMs],
    ]),
    ...[...floors].map(([name, floorMs]) => [`floor_pause_${name}`, floorMs]),
  ]) as Samples;
}
