/** Snapshots for people and for programs. */
import type { Snapshot } from "fastvm";
import type { Session } from "../session.ts";
import { localTime, shortId } from "./format.ts";
import { printJson, printLine } from "./print.ts";
import { renderTable } from "./table.ts";

const HEADER = ["ID", "NAME", "VM", "STATUS", "CREATED"];

export function snapshotTable(snapshots: readonly Snapshot[]): string {
  const rows = snapshots.map(({ id, name, vmId, status, createdAt }) => [
    shortId(id),
    name,
    shortId(vmId),
    status,
    localTime(createdAt),
  ]);
  return renderTable(HEADER, rows);
}

export function showSnapshot(session: Session, snapshot: Snapshot, isQuiet = false): void {
  if (session.isJson) printJson(snapshot);
  else printLine(isQuiet ? snapshot.id : snapshotTable([snapshot]));
}
