/** What the kernel has counted, of all VMs by one process of a millisecond: see packages/worker/native/counters. */
import { fileURLToPath } from "node:url";
import type { Hits } from "@fastvm/contract";
import { addHits, NO_HITS } from "./door-report.ts";

const PROGRAM = fileURLToPath(new URL("../../native/build/fastvm-counters", import.meta.url));

/** A shell command that prints sets of a table of ours, for `readSets`. */
export function setsCommand(table: string, sets: readonly string[]): string {
  return `'${PROGRAM}' sets ${nameOf(table)} ${sets.join(" ")}`;
}

/** The same of a named counter in each of these namespaces, for `readDoors`. */
export function doorsCommand(table: string, counter: string, namespaces: readonly string[]): string {
  return `'${PROGRAM}' doors ${nameOf(table)} ${counter} ${namespaces.join(" ")}`;
}

/** By set, and there by device. */
export function readSets(output: string): ReadonlyMap<string, ReadonlyMap<string, Hits>> {
  const sets = new Map<string, Map<string, Hits>>();
  for (const [set = "", device = "", packets, bytes] of rowsOf(output)) {
    const counts = sets.get(set) ?? new Map<string, Hits>();
    sets.set(set, counts);
    counts.set(device, addHits(counts.get(device) ?? NO_HITS, hitsOf(packets, bytes)));
  }
  return sets;
}

/** By namespace; a string says why one cannot be read. */
export function readDoors(output: string): ReadonlyMap<string, Hits | string> {
  return new Map(
    rowsOf(output).map(([namespace = "", ...told]) => {
      const isRead = told.length === 2 && told.every((part) => /^\d+$/.test(part));
      return [namespace, isRead ? hitsOf(...told) : told.join(" ")];
    }),
  );
}

function rowsOf(output: string): string[][] {
  return output.split("\n").flatMap((line) => (line === "" ? [] : [line.split(" ")]));
}

function hitsOf(packets?: string, bytes?: string): Hits {
  return { packets: Number(packets), bytes: Number(bytes) };
}

/** Ours are all of the family inet. */
function nameOf(table: string): string {
  return table.slice(table.indexOf(" ") + 1);
}
