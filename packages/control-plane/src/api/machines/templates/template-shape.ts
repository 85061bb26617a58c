/** Sizes of a machine of a template: what the order says, else what the template was built with. */
import { FastvmError, type CreateMachineBody, type MachineType } from "@fastvm/contract";
import type { Caller, Engine } from "../../../engine/engine.ts";
import { defaultMemoryMb, diskGibOf, imageOf, machineOf } from "../machine-shape.ts";

interface Shape {
  readonly machine: MachineType;
  /** `undefined`: as small as disks are. */
  readonly diskGib: number | undefined;
}

type Sizes = Pick<CreateMachineBody, "vcpus" | "memory_mb" | "disk_mb">;

export async function shapeOf(
  { templates }: Pick<Engine, "templates">,
  caller: Caller,
  template: string,
  { vcpus, memory_mb: memoryMb, disk_mb: diskMb }: Sizes,
): Promise<Shape> {
  const image = imageOf(template);
  const build = image === undefined ? undefined : (await templates.meant(caller, image))?.build;
  const machine = machineOf(
    vcpus ?? build?.cpu ?? 1,
    memoryMb ?? build?.memoryMib ?? defaultMemoryMb(template),
  );
  const diskGib = diskGibOf(diskMb ?? undefined);
  if (build === undefined) return { machine, diskGib };
  if ((diskGib ?? 0) > build.diskGib) {
    const rule = `disk_mb must be at most ${build.diskGib * 1024}, with which the template was built`;
    throw new FastvmError("invalid_request", rule, { field: "disk_mb" });
  }
  return { machine, diskGib: build.diskGib };
}
