/** The name of a slot: of its QEMU process, in process lists, and of its control group. */
import { randomUUID } from "node:crypto";

const PREFIX = "fastvm-";

export function newSlotName(): string {
  return PREFIX + randomUUID();
}

export function isSlotName(name: string): boolean {
  return name.startsWith(PREFIX);
}
