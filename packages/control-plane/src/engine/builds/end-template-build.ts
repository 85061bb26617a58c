/** What the end of a build is to its template: its tag means it from then on, and builds too many lose their images. */
import type { BuildRecord } from "../../store/build-repository.ts";
import type { Records } from "../../store/records.ts";
import type { Parts } from "../context.ts";
import { dropImage } from "./remove-image.ts";

/** That a tag can be moved back to, of one template, beside those that tags mean. */
const MAX_KEPT_BUILDS = 10;

/** In the transaction in which the build has succeeded. One that was begun before the build that the tag means changes nothing. */
export async function promoteBuilt(records: Records, build: BuildRecord, at: number): Promise<void> {
  const made = await records.templates.build(build.id);
  if (made === undefined) return;
  const { templateId, tag } = made;
  const now = (await records.templates.tags(templateId)).find((each) => each.tag === tag);
  const other = now === undefined ? undefined : await records.builds.get(now.buildId);
  if (other !== undefined && other.createdAt > build.createdAt) return;
  await records.templates.setTag({ templateId, tag, buildId: build.id, promotedAt: at });
}

/** The records of the builds stay, without their images. */
export async function dropOldImages(ctx: Parts<"images" | "store">, { id }: BuildRecord): Promise<void> {
  const { store } = ctx;
  const made = await store.templates.build(id);
  if (made === undefined) return;
  const meant = new Set((await store.templates.tags(made.templateId)).map(({ buildId }) => buildId));
  const all = await store.templates.builds(made.templateId);
  const records = await Promise.all(all.map(({ buildId }) => store.builds.get(buildId)));
  const kept = records
    .flatMap((build) => (build === undefined ? [] : [build]))
    .filter(
      ({ id: of, status, imageReference }) =>
        status === "succeeded" && imageReference !== null && !meant.has(of),
    )
    .toSorted((a, b) => b.createdAt - a.createdAt);
  for (const build of kept.slice(MAX_KEPT_BUILDS)) await dropImage(ctx, build);
}
