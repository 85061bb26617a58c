/** What is known of what a VM or a snapshot holds: in memory, in a file that is in memory, and on its disk. */
import type { FastvmClient } from "fastvm";
import { askKeeper, sh } from "../harness/keeper.ts";
import type { Memory } from "../harness/keeper.ts";

/** Where an operation was cut short there are several values that a place may hold. */
export interface Values {
  readonly memory: Memory;
  readonly tmpfs: readonly string[];
  readonly disk: readonly string[];
  readonly uploaded: readonly string[];
}

type Place = "tmpfs" | "disk" | "uploaded";

export const PLACES: Readonly<Record<Place, string>> = {
  tmpfs: "/dev/shm/value",
  disk: "/root/value",
  uploaded: "/root/uploaded",
};

/** Replaces the file in one step, as a program does that means to lose nothing. */
export function writeCommand(place: Place, value: string): string {
  const path = PLACES[place];
  return `echo ${value} > ${path}.new && mv ${path}.new ${path}`;
}

/** Throws what differs; what comes back is what the VM holds, without doubt. */
export async function probe(client: FastvmClient, vmId: string, expected: Values): Promise<Values> {
  const vm = { id: vmId };
  const [memory, files] = await Promise.all([
    askKeeper(client, vm),
    sh(
      client,
      vm,
      Object.values(PLACES)
        .map((path) => `cat ${path}`)
        .join("; "),
    ),
  ]);
  const [tmpfs = "", disk = "", uploaded = ""] = files.split("\n");
  const { memory: before } = expected;
  if (memory.secret !== before.secret || memory.pid !== before.pid || memory.count < before.count) {
    throw new Error(`its memory is ${JSON.stringify(memory)}, and was ${JSON.stringify(before)}`);
  }
  for (const [place, found] of Object.entries({ tmpfs, disk, uploaded })) {
    const allowed = expected[place as Place];
    if (!allowed.includes(found)) {
      throw new Error(`its file ${place} holds "${found}", and should hold ${allowed.join(" or ")}`);
    }
  }
  return { memory, tmpfs: [tmpfs], disk: [disk], uploaded: [uploaded] };
}
