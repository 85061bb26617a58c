/** Volumes for people and for programs. */
import type { Volume } from "fastvm";
import type { Session } from "../session.ts";
import { localTime, shortId } from "./format.ts";
import { printJson, printLine } from "./print.ts";
import { renderTable } from "./table.ts";

const HEADER = ["ID", "NAME", "KIND", "USED", "SIZE", "ACCESS", "VMS", "STATUS", "CREATED"];

export function volumeTable(volumes: readonly Volume[]): string {
  const rows = volumes.map((volume) => [
    shortId(volume.id),
    volume.name,
    volume.kind ?? "-",
    volume.usedGiB === undefined ? "-" : `${volume.usedGiB} GiB`,
    `${volume.sizeGiB} GiB`,
    volume.accessMode,
    String(volume.mountedCount),
    volume.status,
    localTime(volume.createdAt),
  ]);
  return renderTable(HEADER, rows);
}

export function showVolume(session: Session, volume: Volume, isQuiet = false): void {
  if (session.isJson) printJson(volume);
  else printLine(isQuiet ? volume.id : volumeTable([volume]));
}
