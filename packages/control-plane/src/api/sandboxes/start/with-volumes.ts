/** The volumes that a specification asks to be made, made before its sandbox is recorded; without that they go again. */
import { FastvmError } from "@fastvm/contract";
import type { SandboxSpec } from "@fastvm/contract";
import type { Caller, Engine, VolumeFigures } from "../../../engine/engine.ts";
import { invalid } from "../spec/invalid.ts";
import { volumeOrderOf } from "../spec/volume-order.ts";

type Named = Extract<NonNullable<SandboxSpec["mounts"]>[number], { type: "named" }>;
type Create = NonNullable<Named["create"]>;
type Order = Parameters<Engine["volumes"]["create"]>[1];

export async function withVolumes<T>(
  { volumes }: Pick<Engine, "volumes">,
  caller: Caller,
  { mounts = [] }: SandboxSpec,
  work: () => Promise<T>,
): Promise<T> {
  const orders = mounts.map((mount, index) => orderOf(mount, `mounts.${index}`));
  const made: string[] = [];
  try {
    for (const order of orders) {
      const id = order && (await provide(volumes, caller, order));
      if (id !== undefined) made.push(id);
    }
    return await work();
  } catch (error) {
    for (const id of made) await volumes.delete(caller, id).catch(() => undefined);
    throw error;
  }
}

interface Provision {
  readonly at: string;
  readonly create: Create;
  readonly order: Order;
  /** Whether its size was said, which one that is there must have. */
  readonly isSized: boolean;
}

function orderOf(mount: NonNullable<SandboxSpec["mounts"]>[number], mountAt: string): Provision | undefined {
  if (mount.type !== "named") return undefined;
  const create = mount.create ?? undefined;
  if (create === undefined) return undefined;
  const at = `${mountAt}.create`;
  if (create.name !== mount.name) throw invalid(`${at}.name`, "is another than the mount's");
  return { at, create, ...volumeOrderOf(create, `${at}.`) };
}

/** The id of one that was made. */
async function provide(
  volumes: Engine["volumes"],
  caller: Caller,
  { at, create, order, isSized }: Provision,
): Promise<string | undefined> {
  const found = await existing(volumes, caller, create.name);
  if (found === undefined) {
    if (create.mode === "existing") throw invalid(`${at}.name`, "names no volume");
    return (await volumes.create(caller, order)).volume.id;
  }
  if (create.mode === "create") throw invalid(`${at}.name`, "is that of a volume already");
  const { volume } = found;
  if (volume.kind !== order.kind) throw invalid(`${at}.kind`, `differs: the volume is a ${volume.kind}`);
  if (isSized && volume.sizeGib !== order.sizeGib) {
    const field = order.kind === "disk" ? "capacity_mib" : "quota_mib";
    throw invalid(`${at}.${field}`, `differs: the volume has ${volume.sizeGib} GiB`);
  }
  return undefined;
}

async function existing(
  volumes: Engine["volumes"],
  caller: Caller,
  name: string,
): Promise<VolumeFigures | undefined> {
  try {
    return await volumes.get(caller, name);
  } catch (error) {
    if (error instanceof FastvmError && error.code === "not_found") return undefined;
    throw error;
  }
}
