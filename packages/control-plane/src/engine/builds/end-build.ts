/** The end of a build, however it came: nothing is left of it but its record and what it was to make. */
import type { BuildStatus } from "@fastvm/contract";
import { type BuildChanges, type BuildRecord, UNFINISHED } from "../../store/build-repository.ts";
import { SYSTEM_ACTOR } from "../caller.ts";
import type { Parts } from "../context.ts";
import { isDatabaseFailure } from "../reconcile/owed.ts";
import { deleteSnapshot, type DeleteSnapshotContext } from "../snapshots/delete-snapshot.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { dropOldImages, promoteBuilt } from "./end-template-build.ts";
import { removeImage } from "./remove-image.ts";

/** Of those that have ended: months of them for most, and a page that can still be read. */
const MAX_KEPT_PER_ORG = 1000;

export type EndBuildContext = DeleteVmContext & DeleteSnapshotContext & Parts<"images" | "log">;

export interface BuildEnding {
  readonly status: Exclude<BuildStatus, "pending" | "running">;
  readonly changes: BuildChanges;
  /** Absent: as it is kept already. */
  readonly log?: string;
}

/** May be done again. Rejects when the records cannot be read or written, and is owed then. */
export async function endBuild(
  ctx: EndBuildContext,
  build: BuildRecord,
  { status, changes, log }: BuildEnding,
): Promise<BuildRecord | undefined> {
  await tidyUp(ctx, build, "its VM", () => removeVm(ctx, build));
  const hasImage = status === "succeeded" && build.tag !== null;
  if (status !== "succeeded") await tidyUp(ctx, build, "its snapshot", () => removeSnapshot(ctx, build));
  if (!hasImage) await tidyUp(ctx, build, "its image", () => removeImage(ctx, build));
  const at = ctx.clock.now();
  const ended = await ctx.store.transaction(async (records) => {
    const after = await records.builds.changeStatus(build.id, UNFINISHED, status, {
      ...changes,
      ...(hasImage || build.source.kind === "image" ? {} : { imageReference: null }),
      finishedAt: at,
      updatedAt: at,
    });
    if (after !== undefined && log !== undefined) await records.builds.keepLog(build.id, log);
    if (after?.status === "succeeded") await promoteBuilt(records, after, at);
    return after;
  });
  if (ended !== undefined) {
    await tidyUp(ctx, build, "builds before it", () => forgetOlder(ctx, ended));
    await tidyUp(ctx, build, "images of its template", () => dropOldImages(ctx, ended));
  }
  return ended ?? (await ctx.store.builds.get(build.id));
}

/** What cannot be removed is logged: VMs and snapshots are on their way in the records then, and the reconciler goes on. */
async function tidyUp(
  ctx: Parts<"log">,
  { id }: BuildRecord,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isDatabaseFailure(error)) throw error;
    ctx.log.error({ err: error, buildId: id }, `${what} could not be removed after a build`);
  }
}

async function removeVm(ctx: DeleteVmContext, { vmId }: BuildRecord): Promise<void> {
  const vm = await ctx.store.vms.get(vmId);
  if (vm !== undefined) await deleteVm(ctx, vm, SYSTEM_ACTOR);
}

export async function removeSnapshot(ctx: DeleteSnapshotContext, { snapshotId }: BuildRecord): Promise<void> {
  const snapshot = await ctx.store.snapshots.get(snapshotId);
  // One that is still being made was cut, and goes by itself.
  if (snapshot === undefined || snapshot.status === "creating") return;
  await deleteSnapshot(ctx, snapshot, SYSTEM_ACTOR);
}

/** An image that another took the name of, and records beyond what is kept. */
async function forgetOlder(
  ctx: Parts<"images" | "store">,
  { orgId, tag, status }: BuildRecord,
): Promise<void> {
  if (tag !== null && status === "succeeded") {
    const [, ...replaced] = await ctx.store.builds.tagged(orgId, tag);
    for (const build of replaced) {
      await removeImage(ctx, build);
      await ctx.store.builds.update(build.id, { imageReference: null });
    }
  }
  const ended = (await ctx.store.builds.list(orgId)).filter((each) => !UNFINISHED.includes(each.status));
  for (const build of ended.slice(MAX_KEPT_PER_ORG)) {
    // Its image can be launched as long as it has a name.
    if (build.tag === null || build.imageReference === null) await ctx.store.builds.remove(build.id);
  }
}
