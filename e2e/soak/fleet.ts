/** The VMs and snapshots that live on from round to round, with what must be true of each. */
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { sh, startKeeper } from "../harness/keeper.ts";
import type { Chance } from "./chance.ts";
import { writeCommand } from "./values.ts";
import type { Values } from "./values.ts";

/** A few: each is probed after every round. */
const RUNNING = 3;
const PAUSED = 1;
const SNAPSHOTS = 2;

export interface Member {
  readonly id: string;
  readonly status: "running" | "paused";
  readonly values: Values;
  /** Those it may have. */
  readonly names: readonly string[];
}

export class Fleet {
  readonly client: FastvmClient;
  readonly chance: Chance;
  readonly members = new Map<string, Member>();
  /** By id; the first stays for good. */
  readonly snapshots = new Map<string, Values>();
  readonly #seed: string;

  static async found(client: FastvmClient, chance: Chance): Promise<Fleet> {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const memory = await startKeeper(client, vm);
    for (const place of ["tmpfs", "disk", "uploaded"] as const)
      await sh(client, vm, writeCommand(place, "0"));
    const snapshot = await client.snapshots.create({ vmId: vm.id, name: "seed" });
    const values = { memory, tmpfs: ["0"], disk: ["0"], uploaded: ["0"] };
    const fleet = new Fleet(client, chance, snapshot, values);
    fleet.join(vm, values);
    await fleet.complete();
    return fleet;
  }

  private constructor(client: FastvmClient, chance: Chance, seed: Snapshot, values: Values) {
    this.client = client;
    this.chance = chance;
    this.#seed = seed.id;
    this.snapshots.set(seed.id, values);
  }

  withStatus(status: Member["status"]): readonly Member[] {
    return [...this.members.values()].filter((member) => member.status === status);
  }

  /** All but the one that every new VM comes from. */
  get spareSnapshots(): readonly string[] {
    return [...this.snapshots.keys()].filter((id) => id !== this.#seed);
  }

  join(vm: Pick<Vm, "id" | "name" | "status">, values: Values): void {
    const status = vm.status === "paused" ? "paused" : "running";
    this.members.set(vm.id, { id: vm.id, status, values, names: [vm.name] });
  }

  change(id: string, change: Partial<Member>): void {
    const member = this.members.get(id);
    if (member !== undefined) this.members.set(id, { ...member, ...change });
  }

  /** As many of each kind as there shall be: the oldest go first, new ones come from any snapshot. */
  async complete(): Promise<void> {
    const { client } = this;
    const spare = this.spareSnapshots;
    for (const id of spare.slice(0, Math.max(0, spare.length + 1 - SNAPSHOTS))) {
      await client.snapshots.delete(id);
      this.snapshots.delete(id);
    }
    const surplus = [
      ...this.withStatus("running").slice(
        0,
        Math.max(0, this.withStatus("running").length - RUNNING - PAUSED),
      ),
      ...this.withStatus("paused").slice(PAUSED),
    ];
    await Promise.all(surplus.map(({ id }) => this.#remove(id)));
    while (this.members.size < RUNNING + PAUSED) await this.#add();
    const [first] = this.withStatus("running");
    if (this.withStatus("paused").length < PAUSED && first !== undefined) {
      await client.vms.pause({ id: first.id });
      this.change(first.id, { status: "paused" });
    }
  }

  async #remove(id: string): Promise<void> {
    await this.client.vms.delete(id);
    this.members.delete(id);
  }

  async #add(): Promise<void> {
    const snapshotId = this.chance.pick([...this.snapshots.keys()]) ?? this.#seed;
    const values = this.snapshots.get(snapshotId);
    const vm = await this.client.vms.launch({ snapshotId });
    if (values !== undefined) this.join(vm, values);
  }
}
