/** Labels of sandboxes, and the pairs that volumes and snapshots have them as. */
import { checkMetadata, FastvmError } from "@fastvm/contract";
import { invalid } from "./invalid.ts";

/** For those whose host it is. */
const RESERVED = ["sandbox.", "microsandbox.", "service."] as const;

/** Throws `invalid_request` with the field's name, `at`. */
export function checkLabels(labels: Readonly<Record<string, string>>, at: string): void {
  for (const label of Object.keys(labels)) {
    const reserved = RESERVED.find((prefix) => label.startsWith(prefix));
    if (reserved !== undefined) throw invalid(`${at}.${label}`, `may not begin with ${reserved}`);
  }
  try {
    checkMetadata(labels);
  } catch (error) {
    if (!(error instanceof FastvmError) || error.field === undefined) throw error;
    throw invalid(error.field.replace("metadata", at), error.message);
  }
}

export function labelsOf(pairs: readonly (readonly string[])[], at: string): Record<string, string> {
  // `__proto__` is a name like any other here, and would be none of an object's own if it were assigned.
  const byName = new Map<string, string>();
  for (const [index, [key = "", value = ""]] of pairs.entries()) {
    if (byName.has(key)) throw invalid(`${at}.${index}`, "has a label that is there already");
    byName.set(key, value);
  }
  const labels = Object.fromEntries(byName);
  checkLabels(labels, at);
  return labels;
}
