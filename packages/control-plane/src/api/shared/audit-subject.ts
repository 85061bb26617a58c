/** What a request's path names, by what the APIs' tables call their parameters. */
import type { Subject } from "../../engine/engine.ts";

const KINDS: Readonly<Record<string, Subject["kind"]>> = {
  vmId: "vm",
  machineId: "vm",
  snapshotId: "snapshot",
  volumeId: "volume",
  webhookId: "webhook",
  keyId: "key",
  sandboxId: "sandbox",
};
/** Ids of machines: `mch_` and such before a UUID's digits, and behind them which life it is of. */
const OTHER_FORM =
  /^(?:mch|snap|vol)_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})(?:_\w+)?$/;

/** The first of its parameters is the thing, the others are of it. */
export function subjectOf(params: unknown): Subject | undefined {
  const [first] = Object.entries((params ?? {}) as Record<string, unknown>);
  if (first === undefined) return undefined;
  const [name, value] = first;
  const reference = String(value).replace(OTHER_FORM, "$1-$2-$3-$4-$5");
  // Sandboxes have names of their own in a path of their own.
  const kind = KINDS[name] ?? (name === "name" ? "sandbox" : "other");
  return { kind, reference };
}
