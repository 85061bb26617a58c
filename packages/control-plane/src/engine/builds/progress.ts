/** How far a build is, for its record and for whoever follows it. */
import type { AnyBuildPhase, BuildChanges } from "../../store/build-repository.ts";
import { UNFINISHED } from "../../store/build-repository.ts";
import type { Parts } from "../context.ts";
import { isDatabaseFailure } from "../reconcile/owed.ts";
import type { LiveBuild } from "./live-build.ts";

export type ProgressContext = Parts<"clock" | "log" | "store">;

/** While it goes on its record only says how far it is: one that cannot be written now is written with the next. */
export async function note(ctx: ProgressContext, live: LiveBuild, changes: BuildChanges): Promise<void> {
  const all = { ...changes, events: live.happenings, updatedAt: ctx.clock.now() };
  try {
    await ctx.store.builds.changeStatus(live.id, UNFINISHED, "running", all);
  } catch (error) {
    if (!isDatabaseFailure(error)) throw error;
    ctx.log.warn({ err: error, buildId: live.id }, "how far a build is could not be recorded");
  }
}

export async function inPhase<T>(
  ctx: ProgressContext,
  live: LiveBuild,
  phase: AnyBuildPhase,
  work: () => Promise<T>,
): Promise<T> {
  live.happens({ phase, status: "started", atMs: ctx.clock.now() });
  await note(ctx, live, {});
  const result = await work();
  live.ending.signal.throwIfAborted();
  live.happens({ phase, status: "completed", atMs: ctx.clock.now() });
  return result;
}

/** Resolves early when the signal is aborted. */
export function later(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
