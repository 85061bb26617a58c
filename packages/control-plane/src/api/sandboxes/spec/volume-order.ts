/** A volume as the local client describes it, as the engine's order: a directory has a quota, a disk a capacity, both to the next GiB. */
import { normalizeName } from "@fastvm/contract";
import type { Engine } from "../../../engine/engine.ts";
import { invalid } from "./invalid.ts";
import { labelsOf } from "./labels.ts";

export const MIB_PER_GIB = 1024;
/** Theirs have no bound where none is asked for; ours are reserved. */
const DEFAULT_VOLUME_GIB = 4;

interface DescribedVolume {
  readonly name: string;
  readonly kind: "directory" | "disk";
  readonly quota_mib?: number | null | undefined;
  readonly capacity_mib?: number | null | undefined;
  readonly labels: readonly (readonly string[])[];
}

interface OrderedVolume {
  readonly order: Parameters<Engine["volumes"]["create"]>[1];
  /** Whether its size was said. */
  readonly isSized: boolean;
}

/** Throws `invalid_request` with the field, whose name begins with `at`. */
export function volumeOrderOf(described: DescribedVolume, at: string): OrderedVolume {
  const { kind } = described;
  const labels = labelsOf(described.labels, `${at}labels`);
  const [said, other] =
    kind === "disk" ? (["capacity_mib", "quota_mib"] as const) : (["quota_mib", "capacity_mib"] as const);
  if ((described[other] ?? undefined) !== undefined) throw invalid(`${at}${other}`, `is not of a ${kind}`);
  const mib = described[said] ?? undefined;
  if (kind === "disk" && mib === undefined) throw invalid(`${at}capacity_mib`, "is needed for a disk");
  const sizeGib = mib === undefined ? DEFAULT_VOLUME_GIB : Math.ceil(mib / MIB_PER_GIB);
  const name = normalizeName(described.name);
  return { order: { name, kind, sizeGib, accessMode: "rw", labels }, isSized: mib !== undefined };
}
