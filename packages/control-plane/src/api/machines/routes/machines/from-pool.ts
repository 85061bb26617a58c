/** A machine out of a warm pool where the order names one and what it asks for is what a machine that runs already can be given. */
import { FastvmError, type Checkout, type CreateMachineBody } from "@fastvm/contract";
import {
  imageName,
  type Caller,
  type LaunchOrder,
  type VmRecord,
  type WarmPoolRecord,
} from "../../../../engine/engine.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { diskGibOf, imageOf } from "../../machine-shape.ts";
import { engineId, shownId } from "../../shown-ids.ts";
import { templateOf } from "../../views/machine-view.ts";

type Mode = Checkout["mode"];

interface Way {
  /** With what the pool says where the order says nothing. */
  readonly body: CreateMachineBody;
  readonly pool: WarmPoolRecord | undefined;
  /** `undefined`: no pool was thought of. */
  readonly mode: Mode | undefined;
  readonly waitMs: number;
}

type Engine = MachinesScope["engine"];

export async function wayTo(engine: Engine, caller: Caller, body: CreateMachineBody): Promise<Way> {
  const wanted = body.warm_pool ?? undefined;
  if (wanted === undefined) return { body, pool: undefined, mode: undefined, waitMs: 0 };
  if ((body.snapshot_id ?? undefined) !== undefined)
    throw invalid("goes without snapshot_id: pools are of templates");
  const waitMs = wanted.wait ?? wanted.wait_ms ?? 0;
  const id = wanted.id ?? undefined;
  if (id === undefined) {
    if (wanted.mode !== "bypass") throw invalid("needs the id of the pool, but for the mode bypass");
    return { body, pool: undefined, mode: "bypass", waitMs };
  }
  const pool = await engine.pools.get(caller, engineId("pool", id));
  return { body: { ...body, ...shapeOf(pool, body) }, pool, mode: wanted.mode ?? pool.checkoutMode, waitMs };
}

interface Made {
  readonly vm: VmRecord;
  readonly checkout?: Checkout;
}

/** Rejects, of the mode require, with nothing made and nothing reserved. */
export async function launchBy(
  engine: Engine,
  caller: Caller,
  { body, pool, mode, waitMs }: Way,
  order: LaunchOrder,
): Promise<Made> {
  if (mode === undefined) return { vm: await engine.vms.launch(caller, order) };
  const id = pool === undefined ? null : shownId("pool", pool.id);
  const isTried = pool !== undefined && mode !== "bypass" && isPoolable(pool, body);
  const taken = isTried
    ? await engine.pools.checkOut(
        caller,
        pool,
        { settings: settingsOf(order), ttl: order.ttl, key: order.key },
        waitMs,
      )
    : undefined;
  if (taken === undefined && mode === "require") {
    throw new FastvmError("out_of_capacity", "no machine of the pool that matches is ready", {
      field: "warm_pool",
    });
  }
  const vm = taken ?? (await engine.vms.launch(caller, order));
  // Also of the answer to an order that was carried out before.
  const hit = vm.poolGeneration !== null;
  return { vm, checkout: { source: hit ? "warm_pool" : "cold", hit, id, mode } };
}

function settingsOf({ settings }: LaunchOrder) {
  const { metadata = {}, inactivityMs = 0, autoDeleteMs = 0, ephemeral = false } = settings;
  return { metadata, inactivityMs, autoDeleteMs, ephemeral };
}

function shapeOf(pool: WarmPoolRecord, body: CreateMachineBody) {
  return {
    template: body.template ?? templateOf(pool),
    vcpus: body.vcpus ?? pool.cpu,
    memory_mb: body.memory_mb ?? pool.memoryMib,
    disk_mb: body.disk_mb ?? pool.diskGib * 1024,
  };
}

/** What is set before a machine starts, and cannot be of one that runs. */
const SET_BEFORE = ["envs", "cwd", "auto_resume", "network", "volumes"] as const;

function isPoolable(pool: WarmPoolRecord, body: CreateMachineBody): boolean {
  const said = body as Readonly<Record<string, unknown>>;
  if (SET_BEFORE.some((name) => isSaid(said[name])) || said["internet_access"] === false) return false;
  if (body.timeout_action === "hibernate") return false;
  const isSame = nameOf(imageOf(body.template ?? "")) === nameOf(pool.template);
  const isAsLarge = body.vcpus === pool.cpu && body.memory_mb === pool.memoryMib;
  return isSame && isAsLarge && (diskGibOf(body.disk_mb ?? undefined) ?? 0) <= pool.diskGib;
}

/** The tag that goes without saying left out. */
function nameOf(template: string | undefined): string {
  return imageName(template ?? "");
}

function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function invalid(rule: string): FastvmError {
  return new FastvmError("invalid_request", `warm_pool ${rule}`, { field: "warm_pool" });
}
