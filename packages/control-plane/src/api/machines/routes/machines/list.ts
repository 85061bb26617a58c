/** GET /v1/machines: all of them as a bare list, or by filters, fields and pages as an object. */
import { FastvmError, MACHINE_MASK, MACHINE_STATES } from "@fastvm/contract";
import type { VmRecord } from "../../../../engine/engine.ts";
import { maskOf, masked } from "../../field-mask.ts";
import { hasPairs } from "../../has-pairs.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { pageOf } from "../../pages.ts";
import { machineState } from "../../views/machine-state.ts";
import { machineView, templateOf } from "../../views/machine-view.ts";

const MAX_LIMIT = 100;

type Query = Readonly<Record<string, unknown>>;

export function registerListMachines({ routes, engine, clock }: MachinesScope): void {
  routes.serve("listMachines", async ({ query }, caller) => {
    const mask = maskOf(query, MACHINE_MASK);
    const isMeant = filterOf(query);
    const meant = (await engine.vms.list(caller)).filter((vm) => isMeant(vm));
    const seen = { now: clock.now(), activity: engine.activity };
    const show = (vm: VmRecord) => masked(machineView(vm, seen), mask);
    if (Object.keys(query).length === 0) return { status: 200, body: meant.map((vm) => show(vm)) };
    const { next_token: token } = query;
    const page = pageOf(meant, Number(query["limit"] ?? MAX_LIMIT), token as string | undefined);
    const machines = page.items.map((vm) => show(vm));
    return { status: 200, body: { machines, next_token: page.nextToken } };
  });
}

function filterOf({ state, template, metadata }: Query): (vm: VmRecord) => boolean {
  const states = typeof state === "string" ? statesOf(state) : undefined;
  const pairs = typeof metadata === "string" ? pairsOf(metadata) : [];
  return (vm) =>
    (states?.includes(machineState(vm.status)) ?? true) &&
    (template === undefined || templateOf(vm) === template) &&
    hasPairs(vm.metadata, pairs);
}

function statesOf(joined: string): readonly string[] {
  const states = joined.split(",").map((state) => state.trim());
  const unknown = states.find((state) => !MACHINE_STATES.some((known) => known === state));
  if (unknown === undefined) return states;
  const quoted = JSON.stringify(unknown.slice(0, 40));
  throw invalid("state", `${quoted} is no state; there are ${MACHINE_STATES.join(", ")}`);
}

function pairsOf(json: string): readonly [string, unknown][] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return Object.entries(parsed);
  throw invalid("metadata", "metadata must be a JSON object");
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
