import { VM_STATUSES, type VmStatus } from "@fastvm/contract";
import { expect, test } from "vitest";
import { VM_TRANSITIONS, type Transition } from "./vm-states.ts";

const transitions = Object.entries<Transition>(VM_TRANSITIONS);

function reachableFrom(start: VmStatus): Set<VmStatus> {
  const reached = new Set<VmStatus>([start]);
  for (const status of reached) {
    for (const [, { from, to }] of transitions) if (from.includes(status)) reached.add(to);
  }
  return reached;
}

test("a delete may start from every state but itself", () => {
  const from: readonly VmStatus[] = VM_TRANSITIONS.delete_started.from;
  expect(new Set([...from, "deleting"])).toEqual(new Set(VM_STATUSES));
});

test("nothing leaves deleting, and nothing but a delete, a start and the worker's word leaves error", () => {
  const leaving = (status: VmStatus) =>
    transitions.filter(([, { from }]) => from.includes(status)).map(([name]) => name);
  expect(leaving("deleting")).toEqual([]);
  expect(leaving("error")).toEqual([
    "start_started",
    "delete_started",
    "found_running",
    "found_paused",
    "found_stopped",
  ]);
});

test("every status in between can fail and can go on", () => {
  for (const status of ["provisioning", "pausing", "resuming"] as const) {
    expect(VM_TRANSITIONS.vm_failed.from).toContain(status);
    expect(reachableFrom(status)).toContain("running");
  }
});

test("no transition leads where it starts", () => {
  for (const [name, { from, to }] of transitions) expect(from, name).not.toContain(to);
});
