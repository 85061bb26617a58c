/** Snapshots for people and for programs. */
import type { Snapshot } from "fastvm";
import type { Session } from "../session.ts";
import { bytes, localTime, shortId } from "./format.ts";
import { printJson, printLine } from "./print.ts";
import { renderTable } from "./table.ts";

const HEADER = ["ID", "NAME", "VM", "STATUS", "CREATED"];

type Sizes = ReadonlyMap<string, { readonly usedBytes: number; readonly ownBytes: number }>;

export function snapshotTable(snapshots: readonly Snapshot[], sizes?: Sizes): string {
  const rows = snapshots.map(({ id, name, vmId, status, createdAt }) => [
    shortId(id),
    name,
    shortId(vmId),
    status,
    localTime(createdAt),
    ...(sizes === undefined ? [] : sizeOf(id, sizes)),
  ]);
  return renderTable(sizes === undefined ? HEADER : [...HEADER, "USED", "OWN"], rows);
}

/** One that was made since is in no list. */
function sizeOf(id: string, sizes: Sizes): string[] {
  const size = sizes.get(id);
  return size === undefined ? ["-", "-"] : [bytes(size.usedBytes), bytes(size.ownBytes)];
}

export function showSnapshot(session: Session, snapshot: Snapshot, isQuiet = false): void {
  if (session.isJson) printJson(snapshot);
  else printLine(isQuiet ? snapshot.id : snapshotTable([snapshot]));
}
