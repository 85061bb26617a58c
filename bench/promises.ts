/** The bounds that docs/SPECIFICATION.md promises, as data: each holds a run's figures against its bound. */
import type { Figures } from "./figures.ts";
import { GROWTH_PROMISES } from "./growth-promises.ts";
import { FLOODS, VICTIMS, type Victim } from "./measure/flood.ts";
import { CELLS, type Cell } from "./measure/pause.ts";
import { RESTART_VMS } from "./measure/restart.ts";
import { times, type Promised } from "./promised.ts";
import { PROXY_PROMISES } from "./proxy-promises.ts";
import { TELEMETRY_PROMISES } from "./telemetry-promises.ts";
import { TTI_PROMISES } from "./tti-promises.ts";
import { VOLUME_PROMISES } from "./volume-promises.ts";
import { WEIGHT_PROMISES } from "./weight-promises.ts";

const VICTIM: Readonly<Record<Victim, string>> = {
  call: "an authenticated call",
  exec: "exec of `true`",
  dns: "a guest's question for a name",
};
const FLOOD: Readonly<Record<(typeof FLOODS)[number], string>> = {
  reset: "reset their streams",
  slow: "send a byte at a time",
  settings: "send SETTINGS",
  pipeline: "pipeline requests",
};

const MEANWHILE = {
  idle: "that idles",
  compiling: "that compiles",
  writing: "that writes 16 MiB again and again",
} as const;

export const PROMISES: readonly Promised[] = [
  {
    figure: "launch, no pool: client call to `running`, handshake done, p50",
    bound: "≤ 1.3 × floor restore",
    measure: "launch",
    unit: "ms",
    measured: "launch_ms_p50",
    floor: "floor_restore_ms_p50",
    limit: times(1.3, "floor_restore_ms_p50"),
    cost:
      "nearly all of the rest is the guest taking on its identity: 11,000 code blocks " +
      "that the emulator translates anew in each VM; API, database and journal take 5 ms",
  },
  {
    figure: "launch from the pool, p50",
    bound: "≤ 0.5 × floor restore",
    measure: "launch",
    unit: "ms",
    measured: "launch_pool_ms_p50",
    floor: "floor_restore_ms_p50",
    limit: times(0.5, "floor_restore_ms_p50"),
    cost: "the spawn is saved; loading the state, the wake-up and the identity of a guest whose code is translated anew remain",
  },
  {
    figure: "a machine out of a warm pool, until its first command has answered, p50 (floor: a cold one)",
    bound: "≤ 0.5 × a cold one",
    measure: "pools",
    unit: "ms",
    measured: "pool_checkout_ms_p50",
    floor: "pool_cold_ms_p50",
    limit: times(0.5, "pool_cold_ms_p50"),
    beside: ({ pool_standby_ms_p50: standby }) =>
      standby === undefined ? "" : `from standby ${standby.toFixed(0)} ms`,
    cost: "a transaction and the command itself, while the pool starts the next machine on the same processors",
  },
  {
    figure: "launch of an image, its template made, no pool, p50",
    bound: "≤ 1.15 × the base image's",
    measure: "image",
    unit: "ms",
    measured: "launch_image_ms_p50",
    floor: "launch_base_ms_p50",
    limit: times(1.15, "launch_base_ms_p50"),
    cost: "it is the same restore of another template; what differs is what the guest runs when it wakes",
  },
  {
    figure: "exec of `true`: client to result, p50",
    bound: "≤ floor + 2 ms",
    measure: "exec",
    unit: "ms",
    measured: "exec_ms_p50",
    floor: "floor_exec_ms_p50",
    limit: ({ floor_exec_ms_p50: floor }) => (floor === undefined ? undefined : floor + 2),
    cost: "over the floor come HTTP on loopback both ways, validation and the look-up of key and VM",
  },
  {
    figure: "pause of the source in a snapshot, ≤ 16 MiB dirty, p50",
    bound: "≤ 30 ms under TCG, ≤ 15 ms with KVM",
    measure: "capture",
    unit: "ms",
    measured: "capture_pause_ms_p50",
    limit: pauseLimit,
    beside: ({ capture_dirty_mib: dirty }) => dirtyText(dirty),
    cost: "the device state, the page map's scan and the copy of the dirty pages share the pause",
  },
  {
    figure: "pause of the source in a fork, ≤ 16 MiB dirty, p50",
    bound: "≤ 30 ms under TCG, ≤ 15 ms with KVM",
    measure: "capture",
    unit: "ms",
    measured: "fork_pause_ms_p50",
    limit: pauseLimit,
    beside: ({ fork_dirty_mib: dirty }) => dirtyText(dirty),
    cost: "the device state, the page map's scan and the copy of the dirty pages share the pause",
  },
  ...CELLS.map(pauseOf),
  {
    figure: "second snapshot of an idle VM with 1.3 GB of its own: the whole call, p50",
    bound: "≤ 100 ms",
    measure: "capture",
    unit: "ms",
    measured: "snapshot_private_ms_p50",
    limit: () => 100,
    cost: "most of it is the disk's: what is published is synced, file by file",
  },
  {
    figure: "fork of it to 1 child, until that has run a command, p50",
    bound: "≤ 1.5 × that of an idle VM",
    measure: "capture",
    unit: "ms",
    measured: "fork1_private_ms_p50",
    floor: "fork1_idle_ms_p50",
    limit: times(1.5, "fork1_idle_ms_p50"),
    cost: "a child of much private memory needs a process of its own, and has its pages mapped range by range",
  },
  {
    figure: "fork of it to 10 children, until all have run a command, p50",
    bound: "≤ 1.5 × that of an idle VM",
    measure: "capture",
    unit: "ms",
    measured: "fork10_private_ms_p50",
    floor: "fork10_idle_ms_p50",
    limit: times(1.5, "fork10_idle_ms_p50"),
    cost: "a child of much private memory has its pages mapped range by range",
  },
  {
    figure: "memory of those 10 children together (PSS)",
    bound: "≤ 1.2 × that of 10 of an idle VM",
    measure: "capture",
    unit: "MiB",
    measured: "fork10_private_pss_mib",
    floor: "fork10_idle_pss_mib",
    limit: times(1.2, "fork10_idle_pss_mib"),
    cost: "pages that are not mapped are written into each child",
  },
  {
    figure: "write faults of a compile in the guest right after a capture, of its processor time, p50",
    bound: "≤ 2 %",
    measure: "capture",
    unit: "%",
    measured: "write_faults_percent",
    limit: () => 2,
    beside: faultsText,
    cost: "the first write to each page after a capture is a fault",
  },
  {
    figure: "fork to 10 children, until all 10 have run a command",
    bound: "≤ 1.25 × 10 parallel floor restores",
    measure: "fork",
    unit: "ms",
    measured: "fork10_ms",
    floor: "floor_restore10_ms",
    limit: times(1.25, "floor_restore10_ms"),
    cost: "ten guests on these cores each take on an identity, which the floor's do not, after one capture of the source",
  },
  {
    figure: "memory of an idle clone among 20 (PSS)",
    bound: "≤ 50 MiB under TCG",
    measure: "memory",
    unit: "MiB",
    measured: "clone_pss_mib",
    limit: () => 50,
    beside: memorySplit,
    cost: "QEMU's own heap and translated code, and the pages that the guest has written since its restore",
  },
  {
    figure: "the daemon's own memory (RSS) with 20 VMs",
    bound: "≤ 200 MiB",
    measure: "memory",
    unit: "MiB",
    measured: "daemon_rss_mib",
    limit: () => 200,
    cost: "Node.js and its modules; a VM adds buffers of its link and its monitor",
  },
  {
    figure: "processor time of an idle VM, over 30 s, of one core",
    bound: "≤ 1 % under TCG",
    measure: "idle",
    unit: "%",
    measured: "idle_cpu_percent",
    limit: () => 1,
    cost: "the guest's timers wake it a few times a second, and each wake-up is emulated",
  },
  {
    figure: "nft's time to let one more VM out on a host of 200, nine rules each, p50",
    bound: "≤ 10 ms",
    measure: "firewall",
    unit: "ms",
    measured: "firewall_attach_ms_p50",
    floor: "floor_nft_ms_p50",
    limit: () => 10,
    beside: ({ firewall_attach_names_ms_p50: names }) =>
      names === undefined ? "" : `${names.toFixed(1)} when each has three rules by name and blockBypass, too`,
    cost:
      "half is the kernel's check of all chains, which it does for every change that adds rules; " +
      "a start of nft that does nothing is the floor",
  },
  {
    figure: "the daemon's event loop is held up by a change of a VM's firewall, p50",
    bound: "≤ 5 ms",
    measure: "firewall",
    unit: "ms",
    measured: "firewall_block_ms_p50",
    limit: () => 5,
    beside: ({ firewall_update_ms_p50: update }) =>
      update === undefined ? "" : `in force after ${update.toFixed(1)} ms`,
    cost: "only the text is made here; nft is started by a small shell",
  },
  {
    figure: `a daemon that was killed beside ${RESTART_VMS} VMs answers again after, p50`,
    bound: "≤ 2 × its restart without VMs",
    measure: "restart",
    unit: "ms",
    measured: "restart_ms_p50",
    floor: "restart_empty_ms_p50",
    limit: times(2, "restart_empty_ms_p50"),
    beside: ({ restart_answered_ms_p50: answered }) =>
      answered === undefined ? "" : `each VM has run a command after ${answered.toFixed(0)}`,
    cost: "journals, processes and rules of all VMs are looked at before anybody is served",
  },
  {
    figure: "100 blocks of 4 KiB, each written and synced by the guest of a strict VM, p50",
    bound: "≤ 2 × the default's + 3 × the host's own",
    measure: "strict",
    unit: "ms",
    measured: "strict_sync_ms_p50",
    floor: "host_sync_ms_p50",
    limit: ({ default_sync_ms_p50: relaxed, host_sync_ms_p50: host }) =>
      relaxed === undefined || host === undefined ? undefined : 2 * relaxed + 3 * host,
    beside: ({ default_sync_ms_p50: relaxed }) =>
      `by default, without any promise: ${relaxed?.toFixed(0)} ms`,
    cost: "a sync of the guest flushes its journal twice, each time through QEMU's tables to the host's disk",
  },
  ...VOLUME_PROMISES,
  ...TTI_PROMISES,
  ...GROWTH_PROMISES,
  ...WEIGHT_PROMISES,
  ...PROXY_PROMISES,
  ...TELEMETRY_PROMISES,
  ...VICTIMS.flatMap((victim) => FLOODS.map((flood) => underFlood(victim, flood))),
];

/** The floor is the same work of the same run while nobody floods. */
function underFlood(victim: Victim, flood: (typeof FLOODS)[number]): Promised {
  const worst = `flood_${victim}_${flood}_ms_max` as const;
  return {
    figure: `${VICTIM[victim]} while five connections without a key ${FLOOD[flood]}, p50`,
    bound: "≤ 100 ms, no single one above 250 ms",
    measure: "flood",
    unit: "ms",
    measured: `flood_${victim}_${flood}_ms_p50`,
    floor: `flood_${victim}_idle_ms_p50`,
    limit: (figures) => ((figures[worst] ?? 0) > 250 ? 0 : 100),
    beside: (figures) => `worst ${(figures[worst] ?? 0).toFixed(0)}`,
    cost: "API, resolver and guests' links share one event loop, and what one read brings is parsed whole",
  };
}

/**
 * A p99 only where there were enough samples for one. It is bound where rounds converge: who writes without end writes as
 * much again during the last round, which the pause then copies.
 */
function pauseOf({ name, memoryGib, writtenMib, guest, isNamed }: Cell): Promised {
  const worst = `pause_${name}_ms_p99` as const;
  const bindsWorst = isNamed && guest !== "writing";
  return {
    figure: `pause of a VM of ${memoryGib} GiB ${MEANWHILE[guest]} and has written ${writtenMib} MiB before, p50`,
    bound: bindsWorst ? "≤ 10 ms, p99 ≤ 20 ms" : "≤ 10 ms",
    measure: "capture",
    unit: "ms",
    measured: `pause_${name}_ms_p50`,
    floor: `floor_pause_${name}_ms_p50`,
    limit: (figures) => (bindsWorst && (figures[worst] ?? 0) > 20 ? 0 : 10),
    beside: ({ [worst]: ms }) => (ms === undefined ? "" : `p99 ${ms.toFixed(1)}`),
    cost: "four fifths are QEMU's: its devices' state, 340 KiB field by field, and the switch of the disk",
  };
}

function pauseLimit(_: Figures, accelerator: string): number {
  return accelerator === "kvm" ? 15 : 30;
}

function dirtyText(dirtyMib: number | undefined): string {
  return dirtyMib === undefined ? "" : `${dirtyMib.toFixed(1)} MiB dirty`;
}

function faultsText({ write_faults: faults, write_fault_us: us }: Figures): string {
  return faults === undefined || us === undefined ? "" : `${faults.toFixed(0)} of ${us.toFixed(2)} µs`;
}

function memorySplit(figures: Figures): string {
  const { clone_private_mib: own, clone_shared_mib: shared, clone_alone_pss_mib: alone } = figures;
  if (own === undefined || shared === undefined || alone === undefined) return "";
  return `${own.toFixed(1)} private, ${shared.toFixed(1)} shared; alone ${alone.toFixed(1)}`;
}
