/** What a specification may say and we do not do: refused by the field's name, whatever it would have been good for. */
import type { SandboxSpec } from "@fastvm/contract";
import { invalid } from "./invalid.ts";
import { checkLabels } from "./labels.ts";

/** What says the same as if it were not there. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

export function refuseUnsupported(spec: SandboxSpec): void {
  for (const [field, value] of unsupported(spec)) {
    if (!isUnset(value)) throw invalid(field, "is not supported by this server");
  }
  checkLabels(spec.labels ?? {}, "labels");
}

function unsupported({ registry }: SandboxSpec): [string, unknown][] {
  return [
    ["registry.mode", registry?.mode === "specific" ? "specific" : undefined],
    ["registry.credential_id", registry?.credential_id],
    // A login that would not be used.
    ["registry.username", registry?.mode === "inline" ? undefined : registry?.username],
    ["registry.password", registry?.mode === "inline" ? undefined : registry?.password],
  ];
}
