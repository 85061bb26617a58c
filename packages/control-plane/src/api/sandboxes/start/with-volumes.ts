/** The volumes that a specification asks to be made, made before its sandbox is recorded; without that they go again. */
import { FastvmError, normalizeName } from "@fastvm/contract";
import type { SandboxSpec } from "@fastvm/contract";
import type { Caller, Engine, VolumeFigures } from "../../../engine/engine.ts";
import { invalid } from "../spec/invalid.ts";
import { labelsOf } from "../spec/labels.ts";

type Named = Extract<NonNullable<SandboxSpec["mounts"]>[number], { type: "named" }>;
type Create = NonNullable<Named["create"]>;
type Order = Parameters<Engine["volumes"]["create"]>[1];

const MIB_PER_GIB = 1024;
/** Theirs have no bound where none is asked for; ours are reserved. */
export const DEFAULT_VOLUME_GIB = 4;

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
  const labels = labelsOf(create.labels, `${at}.labels`);
  const [said, other] =
    create.kind === "disk"
      ? (["capacity_mib", "quota_mib"] as const)
      : (["quota_mib", "capacity_mib"] as const);
  if ((create[other] ?? undefined) !== undefined)
    throw invalid(`${at}.${other}`, `is not of a ${create.kind}`);
  const mib = create[said] ?? undefined;
  if (create.kind === "disk" && mib === undefined)
    throw invalid(`${at}.capacity_mib`, "is needed for a disk");
  const sizeGib = mib === undefined ? DEFAULT_VOLUME_GIB : Math.ceil(mib / MIB_PER_GIB);
  const name = normalizeName(create.name);
  const order = { name, kind: create.kind, sizeGib, accessMode: "rw", labels } as const;
  return { at, create, order, isSized: mib !== undefined };
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
