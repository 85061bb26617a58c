/** A build that nobody works on: its process has ended. If its snapshot is there it has succeeded; else nothing of it stays. */
import { UNFINISHED, type BuildRecord } from "../../store/build-repository.ts";
import { endBuild, type EndBuildContext } from "../builds/end-build.ts";
import { DAEMON_ENDED } from "../builds/run-build.ts";
import type { Settlement } from "./reconciler.ts";

export function settlementOfBuild(ctx: EndBuildContext, build: BuildRecord): Settlement | undefined {
  if (!UNFINISHED.includes(build.status)) return undefined;
  return { key: build.id, settle: () => settle(ctx, build) };
}

async function settle(ctx: EndBuildContext, build: BuildRecord): Promise<void> {
  const snapshot = await ctx.store.snapshots.get(build.snapshotId);
  const isMade = snapshot?.status === "ready";
  await endBuild(
    ctx,
    build,
    isMade ? { status: "succeeded", changes: {} } : { status: "failed", changes: { error: DAEMON_ENDED } },
  );
}
