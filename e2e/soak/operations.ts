/** What a round does to the fleet, and what may have come of it, done or cut short. */
import { rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { StepName } from "@fastvm/contract";
import { STEPS } from "@fastvm/contract";
import type { FastvmClient, Vm } from "fastvm";
import type { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/keeper.ts";
import type { Fleet, Member } from "./fleet.ts";
import { PLACES, writeCommand } from "./values.ts";
import type { Values } from "./values.ts";

export type Fate = "running" | "paused" | "error" | "gone";

/** What is not named stays as it is. */
export interface Effects {
  readonly vms?: Readonly<Record<string, readonly Fate[]>>;
  readonly newVms?: { readonly atLeast: number; readonly atMost: number };
  readonly newSnapshots?: { readonly atLeast: number; readonly atMost: number };
  readonly goneSnapshots?: { readonly id: string; readonly certainly: boolean };
}

export interface Attempt {
  /** Members whose state it changes or reads. */
  readonly about: readonly string[];
  readonly start: () => Promise<unknown>;
  readonly done: Effects;
  readonly cutShort: Effects;
  /** Of what it makes; without them nothing is known of that but that it lives. */
  readonly values?: Values | undefined;
  /** Waits for what goes on by itself. */
  readonly settle?: () => Promise<void>;
}

export interface Scene {
  readonly client: FastvmClient;
  readonly daemon: TestDaemon;
  readonly fleet: Fleet;
  /** A value that was never written before. */
  readonly fresh: string;
}

export interface Operation {
  readonly name: string;
  readonly steps: readonly StepName[];
  /** `undefined` when the fleet has nothing to do it to, or nothing beside what is `taken`. */
  readonly prepare: (scene: Scene, taken: readonly string[]) => Attempt | undefined;
}

const MANY = 3;
const CHILDREN = 2;
/** One more than a running VM's disk may have. */
const LAYERS = 17;
const TTL_DEADLINE_MS = 120_000;
/** What no other operation sets. */
const EXPIRY_SECONDS = 1;
const TTL_POLL_MS = 50;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f soak";

const RESTORING = /^(restore|slot|start-guest|introduce|file|journal|transaction)\./;
const CAPTURING = /^(capture|publish|file|journal|transaction)\./;

function steps(...patterns: readonly RegExp[]): readonly StepName[] {
  const unlikely = /^(introduce\.disk-resized|melt\.)/;
  return STEPS.filter((step) => patterns.some((pattern) => pattern.test(step)) && !unlikely.test(step));
}

export const OPERATIONS: readonly Operation[] = [
  {
    name: "launch",
    steps: steps(RESTORING, /^(control\.)?launch\./, /^standby/),
    prepare: ({ client }) => making(1, () => client.vms.launch({ machineType: "c1m2" })),
  },
  {
    name: "launch of many",
    steps: steps(RESTORING, /^(control\.)?launch\./),
    prepare: ({ client }) => {
      const launch = (): Promise<Vm> => client.vms.launch({ machineType: "c1m2" });
      return making(MANY, () => Promise.all(Array.from({ length: MANY }, launch)));
    },
  },
  {
    name: "restore",
    steps: steps(RESTORING, /^(control\.)?launch\./),
    prepare: ({ client, fleet }) => {
      const snapshotId = fleet.chance.pick([...fleet.snapshots.keys()]);
      if (snapshotId === undefined) return undefined;
      return {
        ...making(1, () => client.vms.launch({ snapshotId })),
        values: fleet.snapshots.get(snapshotId),
      };
    },
  },
  {
    name: "exec",
    steps: steps(/^transaction\./),
    prepare: (scene, taken) =>
      changing(scene, taken, ["tmpfs", "disk"], ({ id }) =>
        sh(
          scene.client,
          { id },
          `${writeCommand("tmpfs", scene.fresh)}; ${writeCommand("disk", scene.fresh)}`,
        ),
      ),
  },
  {
    name: "file write",
    steps: steps(/^(transaction|file)\./),
    prepare: (scene, taken) =>
      changing(scene, taken, ["uploaded"], async ({ id }) => {
        const file = `${scene.daemon.config.dataDir}.upload`;
        await writeFile(file, `${scene.fresh}\n`);
        try {
          await scene.client.upload({ id }, file, PLACES.uploaded);
        } finally {
          await rm(file);
        }
      }),
  },
  capturing("snapshot", "running"),
  capturing("snapshot of a paused VM", "paused"),
  forking("fork", "running"),
  forking("fork of a paused VM", "paused"),
  {
    name: "pause",
    steps: steps(CAPTURING, /^(control\.)?pause\./, /^slot\.(killed|cgroup|folder-removed|freed)/),
    prepare: ({ client, fleet }, taken) =>
      moving(fleet, taken, "running", "paused", (id) => client.vms.pause({ id })),
  },
  {
    name: "resume",
    steps: steps(RESTORING, /^(control\.)?resume\./),
    prepare: ({ client, fleet }, taken) =>
      moving(fleet, taken, "paused", "running", (id) => client.vms.resume({ id })),
  },
  {
    name: "delete",
    steps: steps(/^(control\.)?delete\./, /^(slot|transaction)\./),
    prepare: ({ client, fleet }, taken) =>
      moving(fleet, taken, "running", "gone", (id) => client.vms.delete({ id })),
  },
  {
    name: "delete of a paused VM",
    steps: steps(/^(control\.)?delete\./, /^transaction\./),
    prepare: ({ client, fleet }, taken) =>
      moving(fleet, taken, "paused", "gone", (id) => client.vms.delete({ id })),
  },
  {
    name: "delete of a snapshot",
    steps: steps(/^(control\.)?delete-snapshot\./, /^transaction\./),
    prepare: ({ client, fleet }, taken) => {
      const id = fleet.chance.pick(fleet.spareSnapshots);
      if (id === undefined || taken.length > 0) return undefined;
      return {
        about: [],
        start: () => client.snapshots.delete(id),
        done: { goneSnapshots: { id, certainly: true } },
        cutShort: { goneSnapshots: { id, certainly: false } },
      };
    },
  },
  {
    name: "rename",
    steps: steps(/^transaction\./),
    prepare: ({ client, fleet, fresh }, taken) => {
      const member = anyOf(fleet, taken);
      if (member === undefined) return undefined;
      fleet.change(member.id, { names: [...member.names, fresh] });
      return still(member, async () => {
        await client.vms.rename({ id: member.id }, fresh);
        fleet.change(member.id, { names: [fresh] });
      });
    },
  },
  {
    name: "firewall",
    steps: steps(/^(policy|control\.network)\./, /^(transaction|journal)\./),
    prepare: ({ client, fleet }, taken) => {
      const member = anyOf(fleet, taken);
      const action = fleet.chance.happens(0.5) ? "deny" : "allow";
      return (
        member &&
        still(member, () => client.vms.setFirewall({ id: member.id }, { egress: { default: action } }))
      );
    },
  },
  {
    name: "SSH key",
    steps: steps(/^keys\./, /^(transaction|journal)\./),
    prepare: ({ client, fleet }, taken) => {
      const member = anyOf(fleet, taken);
      return (
        member &&
        still(member, async () => {
          const { fingerprint } = await client.vms.sshKeys.add({ id: member.id }, { publicKey: KEY });
          await client.vms.sshKeys.delete({ id: member.id }, fingerprint);
        })
      );
    },
  },
  {
    name: "time to live",
    steps: steps(/^deadline\./, /^(transaction|journal)\./),
    prepare: ({ client, fleet }, taken) => {
      const member = anyOf(fleet, taken);
      return (
        member &&
        still(member, () =>
          client.vms.update({ id: member.id }, { ttl: { action: "pause", seconds: 86_400 } }),
        )
      );
    },
  },
  expiring("pause"),
  expiring("delete"),
  {
    name: "compaction",
    steps: steps(/^compact\./, /^capture\./),
    prepare: ({ client, fleet }, taken) => {
      const member = memberOf(fleet, taken, "running");
      if (member === undefined) return undefined;
      const capture = async (): Promise<void> => {
        for (let layer = 0; layer < LAYERS; layer++) await client.snapshots.create({ vmId: member.id });
      };
      return {
        about: [member.id],
        start: capture,
        values: member.values,
        done: { newSnapshots: { atLeast: LAYERS, atMost: LAYERS } },
        cutShort: { newSnapshots: { atLeast: 0, atMost: LAYERS } },
      };
    },
  },
];

function memberOf(fleet: Fleet, taken: readonly string[], status: Member["status"]): Member | undefined {
  return fleet.chance.pick(fleet.withStatus(status).filter(({ id }) => !taken.includes(id)));
}

function anyOf(fleet: Fleet, taken: readonly string[]): Member | undefined {
  return fleet.chance.pick([...fleet.members.values()].filter(({ id }) => !taken.includes(id)));
}

function making(count: number, start: () => Promise<unknown>): Attempt {
  return {
    about: [],
    start,
    done: { newVms: { atLeast: count, atMost: count } },
    cutShort: { newVms: { atLeast: 0, atMost: count } },
  };
}

function still(member: Member, start: () => Promise<unknown>): Attempt {
  return { about: [member.id], start, done: {}, cutShort: {} };
}

function changing(
  { fleet, fresh }: Scene,
  taken: readonly string[],
  places: readonly ("tmpfs" | "disk" | "uploaded")[],
  change: (member: Member) => Promise<unknown>,
): Attempt | undefined {
  const member = memberOf(fleet, taken, "running");
  if (member === undefined) return undefined;
  const among = (values: (place: "tmpfs" | "disk" | "uploaded") => readonly string[]): Values => ({
    ...member.values,
    ...Object.fromEntries(places.map((place) => [place, values(place)])),
  });
  fleet.change(member.id, { values: among((place) => [...member.values[place], fresh]) });
  return still(member, async () => {
    await change(member);
    fleet.change(member.id, { values: among(() => [fresh]) });
  });
}

function moving(
  fleet: Fleet,
  taken: readonly string[],
  from: Member["status"],
  to: Fate,
  move: (id: string) => Promise<unknown>,
): Attempt | undefined {
  const member = memberOf(fleet, taken, from);
  if (member === undefined) return undefined;
  const { id } = member;
  return {
    about: [id],
    start: () => move(id),
    done: { vms: { [id]: [to] } },
    cutShort: { vms: { [id]: [from, to] } },
  };
}

function capturing(name: string, status: Member["status"]): Operation {
  return {
    name,
    steps: steps(status === "running" ? CAPTURING : /^(publish|transaction)\./, /^(control\.)?snapshot\./),
    prepare: ({ client, fleet }, taken) => {
      const member = memberOf(fleet, taken, status);
      if (member === undefined) return undefined;
      return {
        about: [member.id],
        start: () => client.snapshots.create({ vmId: member.id }),
        values: member.values,
        done: { newSnapshots: { atLeast: 0, atMost: 1 } },
        cutShort: { newSnapshots: { atLeast: 0, atMost: 1 } },
      };
    },
  };
}

function forking(name: string, status: Member["status"]): Operation {
  return {
    name,
    steps: steps(status === "running" ? CAPTURING : /^publish\./, RESTORING, /^(control\.)?fork\./),
    prepare: ({ client, fleet }, taken) => {
      const member = memberOf(fleet, taken, status);
      if (member === undefined) return undefined;
      const fork = async (): Promise<void> => {
        const { children } = await client.vms.fork({ id: member.id }, { count: CHILDREN });
        for (const { error } of children) if (error !== undefined) throw new Error(error.error);
      };
      return { ...making(CHILDREN, fork), about: [member.id], values: member.values };
    },
  };
}

/** Its time is over after a second, in which whoever ends it has its turn. */
function expiring(action: "pause" | "delete"): Operation {
  const to = action === "pause" ? "paused" : "gone";
  return {
    name: `expiry by ${action}`,
    steps: steps(
      /^expire\./,
      /^(deadline|transaction)\./,
      action === "pause" ? CAPTURING : /^(delete|slot)\./,
    ),
    prepare: ({ client, fleet }, taken) => {
      const member = memberOf(fleet, taken, "running");
      if (member === undefined) return undefined;
      const { id } = member;
      const ended = (): Promise<void> => untilExpired(client, id, to);
      return {
        about: [id],
        start: async () => {
          await client.vms.update({ id }, { ttl: { action, seconds: EXPIRY_SECONDS } });
          await ended();
        },
        done: { vms: { [id]: [to] } },
        cutShort: { vms: { [id]: ["running", to] } },
        settle: ended,
      };
    },
  };
}

/** When the request never arrived there is nothing to wait for; the VM may well have a longer time from before. */
async function untilExpired(client: FastvmClient, id: string, to: "paused" | "gone"): Promise<void> {
  const deadline = Date.now() + TTL_DEADLINE_MS;
  for (;;) {
    const vm = (await client.vms.list()).find((one) => one.id === id);
    const arrived = vm === undefined ? to === "gone" : vm.status === to;
    const isAwaited = vm?.ttl?.seconds === EXPIRY_SECONDS;
    if (arrived || vm?.status === "error" || vm === undefined || !isAwaited) {
      // It would strike again in the next life.
      if (isAwaited) await client.vms.update(vm, { ttl: null });
      return;
    }
    if (Date.now() > deadline) {
      throw new Error(`VM ${id} is ${vm.status} long after its time was over: ${JSON.stringify(vm)}`);
    }
    await sleep(TTL_POLL_MS);
  }
}
