/** Builds for people. */
import type { Build } from "fastvm";
import { duration, localTime, shortId } from "./format.ts";
import { renderFields, renderTable } from "./table.ts";

const HEADER = ["ID", "NAME", "STATUS", "SNAPSHOT", "CREATED", "TOOK"];

export function buildTable(builds: readonly Build[]): string {
  const rows = builds.map((build) => [
    shortId(build.id),
    nameOf(build),
    build.progress ?? build.status,
    build.snapshotId === undefined ? "-" : shortId(build.snapshotId),
    localTime(build.createdAt),
    took(build),
  ]);
  return renderTable(HEADER, rows);
}

export function buildFields(build: Build): string {
  const { steps } = build;
  return renderFields([
    ["id", build.id],
    ["name", build.name],
    ["tag", build.tag],
    ["image", build.imageRef === "" ? undefined : build.imageRef],
    ["status", build.status],
    ["progress", build.progress],
    ["snapshot", build.snapshotId],
    ["digest", build.imageDigest],
    ["steps", steps === undefined ? undefined : `${steps.ran} ran, ${steps.cached} cached`],
    ["created", localTime(build.createdAt)],
    ["took", took(build)],
    ["error", build.error],
  ]);
}

function nameOf({ name, tag, imageRef }: Build): string {
  return name ?? tag ?? (imageRef === "" ? "-" : imageRef);
}

function took({ startedAt, finishedAt }: Build): string {
  if (startedAt === undefined || finishedAt === undefined) return "-";
  return duration(Date.parse(finishedAt) - Date.parse(startedAt));
}
