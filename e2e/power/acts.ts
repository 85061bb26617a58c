/** What is done while the power goes, and what must be true of it afterwards once it was answered. */
import type { FastvmClient, Snapshot, Vm } from "fastvm";

/** Two VMs run: one whose disk ignores flushes, and one that is strict, whose guest writes and syncs all the time. */
export interface Scene {
  readonly client: FastvmClient;
  /** Of which both are. */
  readonly base: Snapshot;
  readonly relaxed: Vm;
  readonly strict: Vm;
  /** Of `relaxed`, from before, for who deletes one. */
  readonly spare?: Snapshot;
}

/** Of a VM, or of a snapshot. What was answered is so after a cut. */
export interface Promised {
  readonly vms?: Readonly<Record<string, "paused" | "stopped" | "gone">>;
  readonly snapshots?: Readonly<Record<string, "ready" | "gone">>;
  /** VMs whose disks were at rest once: what they were is not lost, whatever has become of what was written since. */
  readonly disks?: readonly string[];
  /** The strict VM's guest had synced `LATER` after it was resumed. */
  readonly later?: boolean;
}

export interface Act {
  readonly name: string;
  /** Boots a VM or lets one power off, which takes longest by far. */
  readonly isSlow?: boolean;
  /** What was recorded of it goes on when the power is back, so that the strict VM runs. */
  readonly startsStrict?: boolean;
  readonly needsSpare?: boolean;
  /** The relaxed VM runs meanwhile as it was launched. */
  readonly letsRelaxedBe?: boolean;
  readonly run: (scene: Scene) => Promise<Promised>;
}

export const LATER = "later";
export const LATER_FILE = "/root/later";

export const ACTS: readonly Act[] = [
  {
    name: "write",
    letsRelaxedBe: true,
    run: async () => await Promise.resolve({}),
  },
  {
    name: "snapshot",
    run: async ({ client, relaxed }) => ready(await client.snapshots.create({ vmId: relaxed.id })),
  },
  {
    name: "snapshot-strict",
    letsRelaxedBe: true,
    run: async ({ client, strict }) => ready(await client.snapshots.create({ vmId: strict.id })),
  },
  {
    name: "delete-snapshot",
    needsSpare: true,
    run: async ({ client, spare }) => {
      if (spare === undefined) throw new Error("there is no snapshot to delete");
      await client.snapshots.delete(spare);
      return { snapshots: { [spare.id]: "gone" } };
    },
  },
  {
    name: "pause",
    run: async ({ client, relaxed }) => at(await client.vms.pause(relaxed), "paused"),
  },
  {
    name: "pause-strict",
    letsRelaxedBe: true,
    run: async ({ client, strict }) => at(await client.vms.pause(strict), "paused"),
  },
  {
    // Its journal is written anew beside a state that was published.
    name: "change-paused",
    run: async ({ client, relaxed }) => {
      await client.vms.pause(relaxed);
      await client.vms.setFirewall(relaxed, { mode: "restricted", ingress: [] });
      return at(relaxed, "paused");
    },
  },
  {
    name: "resume-relaxed",
    run: async ({ client, relaxed }) => {
      await client.vms.pause(relaxed);
      await client.vms.resume(relaxed);
      return { disks: [relaxed.id] };
    },
  },
  {
    name: "resume",
    letsRelaxedBe: true,
    run: async ({ client, strict }) => {
      await client.vms.pause(strict);
      await client.vms.resume(strict);
      await client.vms.run(strict, `echo ${LATER} > ${LATER_FILE}; sync ${LATER_FILE} /root`);
      return { later: true };
    },
  },
  {
    // Its worker syncs what it makes, so the record has to be there before.
    name: "launch-strict",
    letsRelaxedBe: true,
    run: async ({ client, base }) =>
      at(await client.vms.launch({ snapshotId: base.id, durability: "strict" }), "stopped"),
  },
  {
    name: "fork",
    letsRelaxedBe: true,
    run: async ({ client, strict }) => {
      await client.vms.fork(strict, { count: 1 });
      return {};
    },
  },
  {
    name: "stop",
    run: async ({ client, relaxed }) => at(await client.vms.stop(relaxed, { graceSec: 0 }), "stopped"),
  },
  {
    name: "stop-strict",
    letsRelaxedBe: true,
    isSlow: true,
    run: async ({ client, strict }) => at(await client.vms.stop(strict), "stopped"),
  },
  {
    name: "start-strict",
    startsStrict: true,
    letsRelaxedBe: true,
    isSlow: true,
    run: async ({ client, strict }) => {
      await client.vms.stop(strict, { graceSec: 0 });
      await client.vms.start(strict);
      return {};
    },
  },
];

function ready({ id }: Snapshot): Promised {
  return { snapshots: { [id]: "ready" } };
}

function at({ id }: Vm, status: "paused" | "stopped"): Promised {
  return { vms: { [id]: status } };
}
