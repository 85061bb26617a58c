/** A build, as the older clients know it: what was cancelled has failed, since whatever they do not know they take for under way. */
import type { AnyBuildPhase, BuildRecord } from "../../../engine/engine.ts";
import type { Build, BuildStatus } from "@fastvm/contract";
import { timestamp } from "./timestamp.ts";

const STATUSES: Readonly<Record<BuildStatus, string>> = {
  pending: "pending",
  running: "running",
  succeeded: "completed",
  failed: "failed",
  cancelled: "failed",
};

/** Phrases that clients show as they are. */
const PHRASES: Readonly<Record<AnyBuildPhase, string>> = {
  preparing: "creating build VM",
  fetch_context: "fetching context",
  pull: "buildah pull",
  build: "buildah bud",
  export: "applying image",
  applying: "applying image",
  settling: "settling VM",
  capture: "creating snapshot",
};

export function statusOfBuild(build: BuildRecord): string {
  return STATUSES[build.status];
}

export function phraseOf(phase: AnyBuildPhase): string {
  return PHRASES[phase];
}

export function buildView(build: BuildRecord): Build {
  const phase = build.status === "running" ? build.events.at(-1)?.phase : undefined;
  return {
    id: build.id,
    ...(build.name === null ? {} : { name: build.name }),
    status: statusOfBuild(build),
    imageRef: build.source.image ?? "",
    ...(build.tag === null ? {} : { tag: build.tag }),
    ...(phase === undefined ? {} : { progress: phraseOf(phase) }),
    ...(build.status === "succeeded" ? { snapshotId: build.snapshotId } : {}),
    ...(build.imageDigest === null ? {} : { imageDigest: build.imageDigest }),
    ...(build.stepsRan === null ? {} : { steps: { ran: build.stepsRan, cached: build.stepsCached ?? 0 } }),
    ...(build.error === null ? {} : { error: build.error }),
    createdAt: timestamp(build.createdAt),
    ...(build.startedAt === null ? {} : { startedAt: timestamp(build.startedAt) }),
    ...(build.finishedAt === null ? {} : { finishedAt: timestamp(build.finishedAt) }),
  };
}
