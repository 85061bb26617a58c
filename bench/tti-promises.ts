/** What is promised of the time to interactive. */
import { times, type Promised } from "./promised.ts";

/** Median of a burst that is served in turns, as a part of the whole. */
const MEDIAN_OF_WALL = 0.6;

export const TTI_PROMISES: readonly Promised[] = [
  {
    figure:
      "processor time of a cycle: launch, a command, delete, what fills the pool again (floor: bare restores)",
    bound: "≤ 1.3 × a bare restore's with the same command",
    measure: "tti",
    unit: "ms",
    measured: "cycle_cpu_ms",
    floor: "floor_cycle_cpu_ms",
    limit: times(1.3, "floor_cycle_cpu_ms"),
    cost: "an identity, a record, a network of its own, and what the pool restores ahead",
  },
  {
    figure: "time to interactive, 100 one after the other, p50",
    bound: "≤ 1.2 × the processor time of a cycle for each processor",
    measure: "tti",
    unit: "ms",
    measured: "tti_row_ms_p50",
    limit: ({ cycle_cpu_ms: cpu, processors = 1 }) =>
      cpu === undefined ? undefined : (1.2 * cpu) / processors,
    beside: ({ tti_row_ms_p95: p95, tti_staggered_ms_p50: staggered }) =>
      `p95 ${ms(p95)}; one every 200 ms: ${ms(staggered)}`,
    cost: "the pool is empty after its first: a restore, an identity and a first command whose code is translated anew",
  },
  {
    figure: "time to interactive, one a second, p50",
    bound: "≤ 1.3 × launch from the pool and exec",
    measure: "tti",
    unit: "ms",
    measured: "tti_second_ms_p50",
    limit: ({ launch_pool_ms_p50: launch, exec_ms_p50: exec }) =>
      launch === undefined || exec === undefined ? undefined : 1.3 * (launch + exec),
    beside: ({ tti_second_launch_ms_p50: launch, tti_second_exec_ms_p50: exec, idle_list_ms_p50: idle }) =>
      `launch ${ms(launch)}, its first command ${ms(exec)}; a list of VMs after a second's pause ${ms(idle)}`,
    cost: "all have slept for a second, and the command is the first of its VM's life",
  },
  {
    figure: "60 at once, until the last has answered (floor: 60 bare restores at once)",
    bound: "≤ 1.15 × the floor",
    measure: "tti",
    unit: "ms",
    measured: "tti_burst_wall_ms",
    floor: "floor_burst_wall_ms",
    limit: times(1.15, "floor_burst_wall_ms"),
    cost: "all that a cycle costs",
  },
  {
    figure: "60 at once, p50",
    bound: "≤ 0.6 × until the last",
    measure: "tti",
    unit: "ms",
    measured: "tti_burst_ms_p50",
    limit: times(MEDIAN_OF_WALL, "tti_burst_wall_ms"),
    beside: ({ tti_burst_ms_p95: p95 }) => `p95 ${ms(p95)}`,
    cost: "restores take turns, first come, first served",
  },
];

function ms(value: number | undefined): string {
  return value === undefined ? "–" : `${value.toFixed(0)} ms`;
}
