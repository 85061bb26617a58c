/** A warm pool on real VMs: filled, given out in a burst, and counted, whatever ended meanwhile. */
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import type { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import type { Machine, Machines } from "../harness/machines.ts";
import { processesIn } from "../harness/processes.ts";

const POOLS = "/v1/template-warm-pools";
/** On a machine that may be busy with others. */
const FILL_TIMEOUT_MS = 400_000;
/** What two machines must not have in common, and the time that all have. */
const IDENTITY =
  "cat /proc/sys/kernel/random/boot_id /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; head -c 16 /dev/urandom | base64; date +%s";
const IDENTITY_LINES = 4;
const MAX_CLOCK_SEC = 60;
/** Longer than whatever is done with them. */
const LIFE_MS = 3_600_000;

interface Given extends Machine {
  readonly warm_pool_checkout: {
    readonly source: string;
    readonly hit: boolean;
    readonly id: string;
    readonly mode: string;
  };
}

interface Counts {
  readonly ready: number;
  readonly warming: number;
  readonly draining: number;
  readonly claimed: number;
}

export class PoolLab {
  readonly id: string;
  readonly #daemon: TestDaemon;
  readonly #machines: Machines;

  private constructor(daemon: TestDaemon, machines: Machines, id: string) {
    this.#daemon = daemon;
    this.#machines = machines;
    this.id = id;
  }

  static async make(
    daemon: TestDaemon,
    machines: Machines,
    order: {
      readonly name: string;
      readonly min_ready: number;
      /** Default: as many. */
      readonly max_ready?: number;
      readonly resources: object;
    },
  ): Promise<PoolLab> {
    const { id } = await machines.ask<{ id: string }>(`POST ${POOLS}`, order);
    return new PoolLab(daemon, machines, id);
  }

  async counts(): Promise<Counts> {
    return (await this.#machines.ask<{ counts: Counts }>(`GET ${POOLS}/${this.id}`)).counts;
  }

  async keep(ready: number): Promise<void> {
    await this.#machines.ask(`PATCH ${POOLS}/${this.id}`, { min_ready: ready });
  }

  /** Resolves once so many are ready, and none is on its way. */
  async filled(ready: number): Promise<void> {
    await eventually(async () => {
      const { claimed: _claimed, ...now } = await this.counts();
      deepEqual(
        { ready: now.ready, warming: now.warming, draining: now.draining },
        { ready, warming: 0, draining: 0 },
      );
    }, FILL_TIMEOUT_MS);
  }

  order(mode: string, once?: string, wait = 0): Promise<Given> {
    const warm_pool = { id: this.id, mode, ...(wait === 0 ? {} : { wait }) };
    return this.#machines.ask<Given>("POST /v1/machines", { warm_pool, timeout_ms: LIFE_MS }, once);
  }

  /** So many orders at once, while nothing fills the pool again: what is ready by then would be hits, too. */
  async burst(orders: number): Promise<{ readonly hits: readonly Given[]; readonly cold: readonly Given[] }> {
    await this.keep(0);
    const given = await Promise.all(Array.from({ length: orders }, () => this.order("prefer")));
    for (const { warm_pool_checkout: checkout } of given)
      deepEqual(checkout, {
        source: checkout.hit ? "warm_pool" : "cold",
        hit: checkout.hit,
        id: this.id,
        mode: "prefer",
      });
    equal(new Set(given.map(({ id }) => id)).size, orders);
    const [hits, cold] = [
      given.filter((each) => each.warm_pool_checkout.hit),
      given.filter((each) => !each.warm_pool_checkout.hit),
    ];
    return { hits, cold };
  }

  /** Each has random numbers, keys and ids that no other has, and the time of day. */
  async areTheirOwn(given: readonly Given[]): Promise<void> {
    const seen = new Map<string, string>();
    for (const { id } of given) {
      const lines = (await this.#machines.run(id, IDENTITY)).stdout.trim().split("\n");
      equal(lines.length, IDENTITY_LINES + 1);
      for (const line of lines.slice(0, IDENTITY_LINES)) {
        notEqual(line, "");
        ok(!seen.has(line), `${id} has ${line}, and so has ${seen.get(line)}`);
        seen.set(line, id);
      }
      const late = Math.abs(Number(lines[IDENTITY_LINES]) - Date.now() / 1000);
      ok(late < MAX_CLOCK_SEC, `the clock of ${id} is ${late} s off`);
    }
  }

  /** There are these, each given out once, what the pool has ready, and nothing else: in the records and among processes. */
  async hasNothingElse(given: readonly string[], claimed: number, ready: number): Promise<void> {
    equal((await this.counts()).claimed, claimed);
    const machines = await this.#machines.ask<Machine[]>("GET /v1/machines");
    deepEqual(machines.map(({ id }) => id).toSorted(), [...given].toSorted());
    await eventually(async () => {
      const running = await processesIn(this.#daemon.config.dataDir);
      const folders = new Set(running.map(({ folder }) => folder).filter((each) => each.startsWith("vms/")));
      equal(folders.size, given.length + ready);
    }, FILL_TIMEOUT_MS);
  }

  async remove(): Promise<void> {
    await this.#machines.ask(`DELETE ${POOLS}/${this.id}`);
  }

  /** Resolves once nothing runs any more, where all machines were destroyed. */
  async isGone(): Promise<void> {
    await eventually(async () => {
      const running = await processesIn(this.#daemon.config.dataDir);
      deepEqual(
        running.filter(({ folder }) => folder.startsWith("vms/")),
        [],
      );
    }, FILL_TIMEOUT_MS);
  }
}
