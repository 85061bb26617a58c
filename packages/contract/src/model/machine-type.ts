/** Machine types: `c{vCPUs}m{GiB of memory}`, for example `c2m4`. */

export interface MachineType {
  readonly name: string;
  readonly cpu: number;
  readonly memoryMib: number;
}

/** Sizes every installation offers (as far as its memory goes). */
export const STANDARD_MACHINE_TYPES = ["c1m2", "c2m4", "c4m8", "c8m16"] as const;

export const DEFAULT_MACHINE_TYPE = "c1m2";

/** Above this neither the microvm machine model nor a sane host follows. */
const MAX_VCPUS = 64;
const MAX_MEMORY_GIB = 1024;

const SHAPE = /^c([1-9]\d{0,2})m([1-9]\d{0,3})$/;

/** `undefined` when the name has another shape or a size beyond the maxima; whether it fits the machine is the worker's word. */
export function parseMachineType(name: string): MachineType | undefined {
  const match = SHAPE.exec(name);
  if (match === null) return undefined;
  const cpu = Number(match[1]);
  const memoryGib = Number(match[2]);
  if (cpu > MAX_VCPUS || memoryGib > MAX_MEMORY_GIB) return undefined;
  return { name, cpu, memoryMib: memoryGib * 1024 };
}
