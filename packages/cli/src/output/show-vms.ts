/** VMs for people and for programs. */
import type { Vm } from "fastvm";
import type { Session } from "../session.ts";
import { gib, localTime, shortId } from "./format.ts";
import { printJson, printLine } from "./print.ts";
import { renderFields, renderTable } from "./table.ts";

const HEADER = ["ID", "NAME", "MACHINE", "STATUS", "IPv6", "CREATED"];

export function vmTable(vms: readonly Vm[]): string {
  const rows = vms.map((vm) => [
    shortId(vm.id),
    vm.name,
    vm.machineName ?? "-",
    vm.status,
    vm.publicIpv6 || "-",
    localTime(vm.createdAt),
  ]);
  return renderTable(HEADER, rows);
}

/** One VM that a command made or changed: JSON, its full id alone, or a table of one row. */
export function showVm(session: Session, vm: Vm, isQuiet = false): void {
  if (session.isJson) printJson(vm);
  else printLine(isQuiet ? vm.id : vmTable([vm]));
}

/** Those that a command changed, by the same rules. */
export function showVms(session: Session, vms: readonly Vm[]): void {
  const [first, ...others] = vms;
  if (session.isJson) printJson(others.length === 0 ? first : vms);
  else printLine(vmTable(vms));
}

/** All there is to know about one VM. */
export function showVmDetails(session: Session, vm: Vm): void {
  if (session.isJson) {
    printJson(vm);
    return;
  }
  const fields = renderFields([
    ["ID", vm.id],
    ["Name", vm.name],
    ["Status", vm.status],
    ["Reason", vm.statusReason],
    [
      "Machine",
      `${vm.machineName ?? "?"} (${vm.cpu} vCPU, ${gib(vm.memoryMiB)} memory, ${vm.diskGiB} GiB disk)`,
    ],
    ["Source", vm.sourceName || undefined],
    ["IPv6", vm.publicIpv6 || undefined],
    ["Created", localTime(vm.createdAt)],
    ["Paused", vm.pausedAt ? localTime(vm.pausedAt) : undefined],
    ["Life ends", vm.lifeEndsAtMs === undefined ? undefined : deadline(vm.lifeEndsAtMs, vm.maxLife?.action)],
    ["Idle", vm.idleEndsAtMs === undefined ? undefined : deadline(vm.idleEndsAtMs, vm.idle?.action)],
    ["Metadata", pairs(vm.metadata)],
    ["Environment", pairs(vm.envVars)],
  ]);
  printLine(fields);
}

/** When, and what then. */
function deadline(atMs: number, action = "?"): string {
  return `${localTime(new Date(atMs).toISOString())} (${action})`;
}

function pairs(map: Readonly<Record<string, string>> | undefined): string | undefined {
  const entries = Object.entries(map ?? {});
  return entries.length === 0 ? undefined : entries.map(([key, value]) => `${key}=${value}`).join(" ");
}
