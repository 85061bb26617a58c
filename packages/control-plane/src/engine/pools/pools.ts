/** Pools of an organisation: VMs that run already when they are asked for. `pool-keeper.ts` keeps them full. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, type MachineType } from "@fastvm/contract";
import type { CheckoutMode, WarmPoolState } from "../../store/schema.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { WarmPoolChanges, WarmPoolRecord } from "../../store/warm-pool-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { checkOut, type CheckoutContext, type CheckoutOrder } from "./checkout.ts";

/** Each is looked at every second. */
const MAX_POOLS = 32;
/** How often a client that waits looks again. */
const LOOK_EVERY_MS = 50;

export interface PoolOrder {
  readonly name: string;
  /** An image; empty: the base image. */
  readonly template: string;
  readonly machine: MachineType;
  readonly diskGib: number;
  readonly minReady: number;
  readonly maxReady: number;
  readonly checkoutMode: CheckoutMode;
  readonly isTracking: boolean;
  readonly staleAfterMs: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

type PoolChange = Partial<
  Pick<
    PoolOrder,
    "name" | "minReady" | "maxReady" | "checkoutMode" | "isTracking" | "staleAfterMs" | "labels" | "metadata"
  >
>;

export interface PoolCounts {
  readonly ready: number;
  readonly warming: number;
  readonly draining: number;
}

type PoolsContext = CheckoutContext & Parts<"clock" | "poolBell" | "store">;

export class Pools {
  readonly #ctx: PoolsContext;

  constructor(ctx: PoolsContext) {
    this.#ctx = ctx;
  }

  /** Oldest first. */
  list({ orgId }: Caller): Promise<readonly WarmPoolRecord[]> {
    return this.#ctx.store.warmPools.list(orgId);
  }

  async get({ orgId }: Caller, id: string): Promise<WarmPoolRecord> {
    const pool = await this.#ctx.store.warmPools.get(id);
    if (pool === undefined || pool.orgId !== orgId || pool.state === "deleted") throw noPool();
    return pool;
  }

  async counts({ id, generation }: WarmPoolRecord): Promise<PoolCounts> {
    const members = await this.#ctx.store.vms.listOfPool(id);
    const current = members.filter(({ poolGeneration }) => poolGeneration === generation);
    const ready = current.filter(({ status }) => status === "running").length;
    const warming = current.filter(({ status }) => status === "provisioning").length;
    return { ready, warming, draining: members.length - ready - warming };
  }

  async create(caller: Caller, order: PoolOrder, key?: OrderKey): Promise<WarmPoolRecord> {
    checkSizes(order);
    const { orgId } = caller;
    const { machine, ...rest } = order;
    const id = randomUUID();
    const at = this.#ctx.clock.now();
    const made = await this.#ctx.store.transaction(async (records) => {
      // Held before the count, so that several at once do not pass the limit together.
      await records.organisations.lock(orgId);
      if (key !== undefined) {
        const isThere = async (earlier: string) => (await records.warmPools.get(earlier)) !== undefined;
        const taken = await takeOrderKey(records, caller, key, id, at, isThere);
        const before = taken.kind === "earlier" ? await records.warmPools.get(taken.subjectId) : undefined;
        if (before !== undefined) return before;
      }
      if ((await records.warmPools.list(orgId)).length >= MAX_POOLS)
        throw new FastvmError("conflict", `there are ${MAX_POOLS} pools, which is the most there may be`);
      const pool = {
        ...rest,
        ...FRESH,
        id,
        orgId,
        machineName: machine.name,
        cpu: machine.cpu,
        memoryMib: machine.memoryMib,
        createdAt: at,
        updatedAt: at,
        enabledAt: at,
      };
      await records.warmPools.create(pool);
      return pool;
    });
    this.#ctx.poolBell.ring();
    return made;
  }

  async update(caller: Caller, id: string, change: PoolChange): Promise<WarmPoolRecord> {
    await this.get(caller, id);
    return this.#change(id, (pool) => {
      checkSizes({ ...pool, ...change });
      return change;
    });
  }

  /** `draining`: what is ready goes. `disabled`: it stays, and nobody gets it. */
  async setState(
    caller: Caller,
    id: string,
    state: Exclude<WarmPoolState, "deleted">,
  ): Promise<WarmPoolRecord> {
    await this.get(caller, id);
    const at = this.#ctx.clock.now();
    const when = { enabled: "enabledAt", disabled: "disabledAt", draining: "drainRequestedAt" } as const;
    return this.#change(id, () => ({ state, [when[state]]: at }));
  }

  /** Nobody sees it any more; what is ready goes. */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.get(caller, id);
    await this.#change(id, () => ({ state: "deleted" }));
  }

  /** Looks at once at what it has. */
  async reconcile(caller: Caller, id: string): Promise<WarmPoolRecord> {
    const pool = await this.get(caller, id);
    this.#ctx.poolBell.ring();
    return pool;
  }

  /** A VM that is ready, or becomes so within that time. `undefined`: there is none, and nothing was made or reserved. */
  async checkOut(
    caller: Caller,
    pool: WarmPoolRecord,
    order: CheckoutOrder,
    waitMs: number,
  ): Promise<VmRecord | undefined> {
    const until = this.#ctx.clock.now() + waitMs;
    for (;;) {
      const vm = await checkOut(this.#ctx, caller, await this.get(caller, pool.id), order);
      if (vm !== undefined || this.#ctx.clock.now() >= until) {
        this.#ctx.poolBell.ring();
        return vm;
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #change(id: string, change: (pool: WarmPoolRecord) => WarmPoolChanges): Promise<WarmPoolRecord> {
    const at = this.#ctx.clock.now();
    const changed = await this.#ctx.store.transaction(async (records) => {
      const pool = await records.warmPools.get(id);
      if (pool === undefined) return undefined;
      return records.warmPools.update(id, { ...change(pool), updatedAt: at });
    });
    if (changed === undefined) throw noPool();
    this.#ctx.poolBell.ring();
    return changed;
  }
}

const FRESH = {
  state: "enabled",
  generation: 1,
  resolved: null,
  previousResolved: null,
  condition: null,
  conditionDetail: null,
  hits: 0,
  failures: 0,
  expired: 0,
  disabledAt: null,
  drainRequestedAt: null,
  reconciledAt: null,
} as const;

function checkSizes({ minReady, maxReady }: Pick<PoolOrder, "minReady" | "maxReady">): void {
  if (maxReady >= minReady) return;
  throw new FastvmError("invalid_request", "max_ready must not be below min_ready", { field: "max_ready" });
}

function noPool(): FastvmError {
  return new FastvmError("not_found", "there is no such pool", { field: "pool" });
}
