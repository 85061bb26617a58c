/** The image that a build made goes. */
import { FastvmError } from "@fastvm/contract";
import type { BuildRecord } from "../../store/build-repository.ts";
import type { TemplateTag } from "../../store/template-repository.ts";
import type { Parts } from "../context.ts";

/** What a build calls what it makes. */
export function builtImageOf(buildId: string): string {
  return `localhost/build/${buildId}:latest`;
}

/** Its own one, also when no record speaks of it any more. What was pulled belongs to the host, and may be others' too. */
export async function removeImage(ctx: Parts<"images">, build: BuildRecord): Promise<void> {
  if (build.source.kind === "image") return;
  try {
    await ctx.images?.remove(build.imageReference ?? builtImageOf(build.id), build.orgId);
  } catch (error) {
    if (!(error instanceof FastvmError && error.code === "not_found")) throw error;
  }
}

/**
 * Unless a tag means it, to which it resolves. The record says first that it is gone, under the lock that a tag is moved under: nobody is
 * let mean what is about to be removed.
 */
export async function dropImage(
  ctx: Parts<"images" | "store">,
  { id }: BuildRecord,
): Promise<TemplateTag | undefined> {
  const { store } = ctx;
  const { build, tag } = await store.transaction(async (records) => {
    const now = await records.builds.lock(id);
    const [meant] = await records.templates.tagsOfBuild(id);
    if (now !== undefined && meant === undefined) await records.builds.update(id, { imageReference: null });
    return { build: now, tag: meant };
  });
  if (build === undefined || tag !== undefined) return tag;
  try {
    await removeImage(ctx, build);
  } catch (error) {
    // To be tried again, or to be meant again until then.
    await store.builds.update(id, { imageReference: build.imageReference });
    throw error;
  }
  return undefined;
}
