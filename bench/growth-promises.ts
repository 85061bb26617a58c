/** What is promised of how cost grows: with the VMs that run, with what a snapshot has of its own, with launches that come at once. */
import type { Figures } from "./figures.ts";
import { times, type Promised } from "./promised.ts";

const FLAT = 1.15;
/** Of the floor's launches a second. */
const OF_FLOOR_RATE = 0.9;

export const GROWTH_PROMISES: readonly Promised[] = [
  {
    figure: "restore of a snapshot with 512 MiB of its own, p50 (floor: a bare restore of the template)",
    bound: "≤ 1.3 × that with 1 MiB",
    measure: "growth",
    unit: "ms",
    measured: "restore_delta_512mib_ms_p50",
    floor: "restore_floor_ms_p50",
    limit: times(1.3, "restore_delta_1mib_ms_p50"),
    beside: (figures) =>
      `1 MiB ${ms(figures.restore_delta_1mib_ms_p50)}, 128 MiB ${ms(figures.restore_delta_128mib_ms_p50)}`,
    cost: "what is not mapped is copied",
  },
  {
    figure: "restore of a snapshot whose pages lie in 16 files, p50 (floor: a bare restore of the template)",
    bound: `≤ ${FLAT} × that with one file`,
    measure: "growth",
    unit: "ms",
    measured: "restore_files_16_ms_p50",
    floor: "restore_floor_ms_p50",
    limit: times(FLAT, "restore_files_1_ms_p50"),
    beside: (figures) =>
      `1 file ${ms(figures.restore_files_1_ms_p50)}, 8 ${ms(figures.restore_files_8_ms_p50)}`,
    cost: "each file is linked and, unless it is mapped, checked",
  },
  {
    figure: "30 launches at once, no pool, until the last (floor: 30 bare restores at once)",
    bound: "≥ 0.9 × the floor's rate",
    measure: "growth",
    unit: "ms",
    measured: "storm_ms_p50",
    floor: "floor_storm_ms_p50",
    limit: times(1 / OF_FLOOR_RATE, "floor_storm_ms_p50"),
    beside: ({ storm_per_second: rate, storm_launch_ms_p99: p99, storm_stall_ms_max: stall }) =>
      `${rate?.toFixed(1) ?? "–"} a second, p99 ${ms(p99)}; the event loop's longest turn ${ms(stall)}`,
    cost: "an identity, a record and a network for each, which the floor's have not",
  },
  {
    figure: "launch from the pool where 90 VMs run, p50 (floor: a bare restore there)",
    bound: `≤ ${FLAT} × where none does`,
    measure: "growth",
    unit: "ms",
    measured: "growth_launch_90_ms_p50",
    floor: "growth_floor_restore_90_ms_p50",
    limit: times(FLAT, "growth_launch_0_ms_p50"),
    beside: (figures) =>
      `none ${ms(figures.growth_launch_0_ms_p50)}, 30 VMs ${ms(figures.growth_launch_30_ms_p50)}; ` +
      `bare restore ${ms(figures.growth_floor_restore_0_ms_p50)} and ${ms(figures.growth_floor_restore_30_ms_p50)}`,
    cost: "a launch adds to a table of nftables, and the host's caches are shared by all VMs",
  },
  {
    figure: "exec of `true` where 90 VMs run, p50 (floor: the same frames by hand there)",
    bound: `≤ ${FLAT} × where none does`,
    measure: "growth",
    unit: "ms",
    measured: "growth_exec_90_ms_p50",
    floor: "growth_floor_exec_90_ms_p50",
    limit: times(FLAT, "growth_exec_0_ms_p50"),
    beside: (figures) =>
      `none ${ms(figures.growth_exec_0_ms_p50)}, 30 VMs ${ms(figures.growth_exec_30_ms_p50)}; ` +
      `floor ${ms(figures.growth_floor_exec_0_ms_p50)} and ${ms(figures.growth_floor_exec_30_ms_p50)}`,
    cost: "the host's caches are shared by all VMs",
  },
  {
    figure: "the daemon's memory for each VM that runs (RSS with 90 less that with 30, each just started)",
    bound: "≤ 1 MiB",
    measure: "growth",
    unit: "MiB",
    measured: "growth_daemon_mib_per_vm",
    limit: () => 1,
    beside: rss,
    cost: "a VM's monitor, link, resolver and record",
  },
  {
    figure: "a daemon that was killed, until a command has ended in each of 90 VMs, for each",
    bound: `≤ ${FLAT} × with 30`,
    measure: "growth",
    unit: "ms",
    measured: "growth_adoption_90_ms_per_vm",
    limit: times(FLAT, "growth_adoption_30_ms_per_vm"),
    beside: (figures) =>
      `30 VMs ${ms(figures.growth_adoption_30_ms_per_vm)}, 60 ${ms(figures.growth_adoption_60_ms_per_vm)}`,
    cost: "monitors and links are opened, and the guests' commands run",
  },
];

function rss(figures: Figures): string {
  const shown = [
    figures.growth_daemon_rss_30_mib,
    figures.growth_daemon_rss_60_mib,
    figures.growth_daemon_rss_90_mib,
  ].map((mib) => mib?.toFixed(0) ?? "–");
  return `${shown.join(", ")} MiB with 30, 60 and 90`;
}

function ms(value: number | undefined): string {
  return value === undefined ? "–" : `${value.toFixed(value >= 100 ? 0 : 1)} ms`;
}
