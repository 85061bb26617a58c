/** Names of VMs and snapshots: repaired rather than refused, so that no client fails over a space. */
import { MAX_NAME_RUNES } from "./limits.ts";

/** White space and the C0, C1 and DEL controls, none of which a terminal or PostgreSQL would take kindly. */
// oxlint-disable-next-line no-control-regex
const BLANK = /[\s\u0000-\u001f\u007f-\u009f]+/gu;

/** Trimmed, inner white space collapsed to one space, cut to 64 code points; `""` when nothing is left. */
export function normalizeName(raw: string): string {
  const collapsed = raw.toWellFormed().replace(BLANK, " ").trim();
  return Array.from(collapsed).slice(0, MAX_NAME_RUNES).join("").trimEnd();
}

export function defaultVmName(vmId: string): string {
  return `vm-${vmId.slice(0, 8)}`;
}

export function defaultSnapshotName(vmId: string): string {
  return `snapshot-${vmId.slice(0, 8)}`;
}

/** The name as a hostname label: at most 63 of `[a-z0-9-]`, or the fallback when nothing of it can stay. */
export function hostnameOf(name: string, fallback: string): string {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? fallback : label;
}
