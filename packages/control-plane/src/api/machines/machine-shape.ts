/** What a template, sizes and a disk in the words of this API are to the engine. */
import { MIN_DISK_GIB, type MachineType } from "@fastvm/contract";
import { engineTemplate } from "./shown-ids.ts";
import { BASE_TEMPLATE } from "./views/machine-view.ts";

const DEFAULT_MEMORY_MB = 256;
/** Of templates whose programs need more. */
const DEFAULT_MEMORY_MB_OF: ReadonlyMap<string, number> = new Map([
  ["code-interpreter", 2048],
  ["desktop", 2048],
]);

export function defaultMemoryMb(template: string): number {
  return DEFAULT_MEMORY_MB_OF.get(template) ?? DEFAULT_MEMORY_MB;
}

/** `undefined`: the base image. */
export function imageOf(template: string): string | undefined {
  return template === BASE_TEMPLATE ? undefined : engineTemplate(template);
}

/** Under the name that the other API has for it, where it has one. */
export function machineOf(cpu: number, memoryMib: number): MachineType {
  const size = memoryMib % 1024 === 0 ? String(memoryMib / 1024) : `${memoryMib}mib`;
  return { name: `c${cpu}m${size}`, cpu, memoryMib };
}

export function diskGibOf(diskMb: number | undefined): number | undefined {
  return diskMb === undefined ? undefined : Math.max(MIN_DISK_GIB, Math.ceil(diskMb / 1024));
}
