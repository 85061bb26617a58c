/** A build, as the newest clients know it. */
import type { AnyBuildPhase, BuildRecord } from "../../../engine/engine.ts";
import type { SnapshotImport } from "@fastvm/contract";
import { timestamp } from "./timestamp.ts";

const PHASES: Readonly<Record<AnyBuildPhase, string>> = {
  preparing: "preparing",
  fetch_context: "fetch_context",
  pull: "pull",
  build: "build",
  export: "export",
  applying: "saving",
  settling: "warming",
  capture: "done",
};
const PLATFORM = "linux/amd64";

export function snapshotImportView(build: BuildRecord): SnapshotImport {
  const { source } = build;
  return {
    id: build.id,
    ...(build.name === null ? {} : { name: build.name }),
    status: build.status,
    source: {
      type: source.kind,
      platform: PLATFORM,
      ...(source.image === undefined ? {} : { image: source.image }),
      ...(source.dockerfilePath === undefined ? {} : { dockerfilePath: source.dockerfilePath }),
      ...(source.target === undefined ? {} : { target: source.target }),
      ...(source.args === undefined ? {} : { buildArgs: source.args }),
      ...(source.contextBytes === undefined ? {} : { contextSizeBytes: source.contextBytes }),
    },
    machineName: build.machineName,
    cpu: build.cpu,
    memoryMiB: build.memoryMib,
    diskGiB: build.diskGib,
    events: build.events.map(({ phase, status, atMs }) => ({
      phase: PHASES[phase],
      status,
      timestampMs: atMs,
    })),
    ...(build.error === null ? {} : { error: build.error }),
    ...(build.status === "succeeded" ? { snapshotId: build.snapshotId } : {}),
    createdAt: timestamp(build.createdAt),
    ...(build.startedAt === null ? {} : { startedAt: timestamp(build.startedAt) }),
    ...(build.finishedAt === null ? {} : { finishedAt: timestamp(build.finishedAt) }),
    updatedAt: timestamp(build.updatedAt),
  };
}
