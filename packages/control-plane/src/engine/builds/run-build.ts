/**
 * A build from its turn to its end: an image, made of a Dockerfile or pulled; a VM of it; a snapshot of that. Ids of VM and snapshot are in
 * the record before either is begun, so that whoever finds the record after this process knows what belongs to it.
 */
import {
  FastvmError,
  formatReference,
  parseReference,
  step,
  type BuildEvent,
  type BuildOutcome,
  type OrgId,
} from "@fastvm/contract";
import type { BuildChanges, BuildRecord } from "../../store/build-repository.ts";
import type { TakenObject } from "../../staging/staging-objects.ts";
import type { Parts } from "../context.ts";
import { reasonOf } from "../failure.ts";
import { Registries } from "../registries/registries.ts";
import { networkPolicyOf } from "../network/network-policy.ts";
import { captureImage, type CaptureImageContext } from "./capture-image.ts";
import { contextFormat } from "./context-format.ts";
import { endBuild, type BuildEnding, type EndBuildContext } from "./end-build.ts";
import type { LiveBuild } from "./live-build.ts";
import type { ContextObject, DockerfileSource } from "./new-build.ts";
import { DaemonEnds } from "./build-queue.ts";
import { inPhase, later, note, type ProgressContext } from "./progress.ts";

/** As the contract has it; what people need of a failure stands in its last lines. */
const MAX_ERROR_BYTES = 4096;
const CANCELLED = "It was cancelled";
export const DAEMON_ENDED = "The server ended while it was built; build it again";

export type RunBuildContext = CaptureImageContext & EndBuildContext & Parts<"config" | "sealing">;

/** Why it failed, in the worker's words. */
class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

/** Never rejects but for a bug: a failure is how the build ends. */
export async function runBuild(ctx: RunBuildContext, live: LiveBuild): Promise<void> {
  let ending: BuildEnding;
  try {
    live.ending.signal.throwIfAborted();
    await step("control.build.started");
    await note(ctx, live, { startedAt: ctx.clock.now() });
    const changes = await makeImage(ctx, live);
    await note(ctx, live, changes);
    await step("control.build.image-made");
    await setStart(ctx, live, changes);
    await captureImage(ctx, live, changes.imageReference ?? "");
    ending = { status: "succeeded", changes };
  } catch (error) {
    ending = endingOf(ctx, live, error);
  }
  await settle(ctx, live, ending);
}

/** Of one whose turn never came. */
export async function endUnbegun(ctx: EndBuildContext, live: LiveBuild): Promise<void> {
  await settle(ctx, live, endingOf(ctx, live, live.ending.signal.reason));
}

async function settle(ctx: EndBuildContext, live: LiveBuild, ending: BuildEnding): Promise<void> {
  const { status } = ending;
  const last = live.happenings.at(-1);
  if (status !== "succeeded" && last?.status === "started") {
    live.happens({ phase: last.phase, status, atMs: ctx.clock.now() });
  }
  const changes = { ...ending.changes, events: live.happenings };
  const end = { status, changes, log: live.keptLog };
  let build: BuildRecord | undefined;
  try {
    build = await ctx.reconciler.settle(live.id, () => endBuild(ctx, live.record, end));
    await step("control.build.settled");
  } finally {
    // Whoever follows is told what it came to, though its record says so later.
    live.ended(build ?? { ...live.record, ...changes, status });
  }
}

function endingOf(ctx: Parts<"log">, live: LiveBuild, error: unknown): BuildEnding {
  const { signal } = live.ending;
  if (signal.aborted) {
    const isEnd = signal.reason instanceof DaemonEnds;
    return isEnd
      ? { status: "failed", changes: { error: DAEMON_ENDED } }
      : { status: "cancelled", changes: { error: CANCELLED } };
  }
  if (!(error instanceof BuildFailed || error instanceof FastvmError)) {
    ctx.log.error({ err: error, buildId: live.id }, "a build met a bug");
  }
  const reason = error instanceof BuildFailed ? error.message : reasonOf(error);
  return { status: "failed", changes: { error: lastOf(reason) } };
}

/** PostgreSQL takes no NUL in text. */
function lastOf(reason: string): string {
  const bytes = Buffer.from(reason.replaceAll("\0", "\uFFFD"));
  return bytes.length <= MAX_ERROR_BYTES
    ? bytes.toString()
    : bytes
        .subarray(-MAX_ERROR_BYTES)
        .toString()
        .replace(/^\uFFFD+/, "");
}

type MadeImage = Required<Pick<BuildRecord, "imageReference" | "imageDigest">> &
  Pick<BuildChanges, "stepsRan" | "stepsCached">;

async function makeImage(ctx: RunBuildContext, live: LiveBuild): Promise<MadeImage> {
  const { source } = live.order;
  if (source.kind === "image") {
    return await inPhase(ctx, live, "pull", async () => {
      if (ctx.images === undefined) throw new FastvmError("not_found", "this server keeps no images");
      const { reference, credentials } = source;
      live.line(`Pulling ${reference}`);
      const { orgId } = live.record;
      const known = await new Registries(ctx).credentialsFor(orgId, parseReference(reference).registry);
      // What the organisation has, or the host for everybody, is not asked for again.
      const order = {
        owner: orgId,
        reference,
        policy: "if-missing",
        credentials: credentials ?? known,
      } as const;
      const held = await ctx.images.pull(order, { signal: live.ending.signal });
      live.line(`Pulled ${held.reference}@${held.digest}`);
      return { imageReference: held.digest, imageDigest: held.digest };
    });
  }
  const outcome = await buildDockerfile(ctx, live, source);
  if (outcome.status === "failed") throw new BuildFailed(outcome.error);
  if (outcome.status === "cancelled") throw new BuildFailed("The host ended it");
  const { image, steps } = outcome;
  return {
    imageReference: image.reference,
    imageDigest: image.digest,
    stepsRan: steps.ran,
    stepsCached: steps.cached,
  };
}

/** Before anything is launched of it, so that what is captured has it running. */
async function setStart(ctx: Parts<"images">, { order, record }: LiveBuild, image: MadeImage): Promise<void> {
  if (order.start === undefined || image.imageReference === null) return;
  await ctx.images?.setStart(image.imageReference, order.start, record.orgId);
}

/** One that is still being sent is waited for: its sender keeps the place of another build meanwhile. */
async function takeContext(
  { staging, config: { contextWaitMs } }: Parts<"config" | "staging">,
  live: LiveBuild,
  { holder, objectId }: ContextObject,
): Promise<TakenObject> {
  const deadline = AbortSignal.timeout(contextWaitMs);
  const { signal } = live.ending;
  try {
    return await staging.objects.take(holder, objectId, AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (!deadline.aborted || signal.aborted) throw error;
    throw new BuildFailed(`Its context was not there after ${contextWaitMs / 1000} s`, { cause: error });
  }
}

async function buildDockerfile(
  ctx: RunBuildContext,
  live: LiveBuild,
  source: DockerfileSource,
): Promise<BuildOutcome> {
  const context = source.context && (await takeContext(ctx, live, source.context));
  try {
    if (context !== undefined) {
      await note(ctx, live, { source: { ...live.record.source, contextBytes: context.bytes } });
    }
    await start(ctx, live, source, context);
    return await follow(ctx, live);
  } finally {
    await ctx.worker.builds.forget(live.id).catch((error: unknown) => {
      ctx.log.error({ err: error, buildId: live.id }, "a worker could not forget a build");
    });
    await context?.release();
  }
}

/** The worker may have as many under way as it takes, of another control plane or that it is still ending. */
async function start(
  ctx: RunBuildContext,
  live: LiveBuild,
  source: DockerfileSource,
  context: TakenObject | undefined,
): Promise<void> {
  const { signal } = live.ending;
  const { orgId } = live.record;
  const order = {
    buildId: live.id,
    orgId,
    dockerfile: source.dockerfile,
    ...(context === undefined
      ? {}
      : { context: { path: context.path, format: await contextFormat(context.path) } }),
    ...(source.target === undefined ? {} : { target: source.target }),
    args: source.args,
    secrets: source.secrets,
    network: networkPolicyOf({ network: live.order.network, services: [] }),
    credentials: [...source.credentials, ...(await new Registries(ctx).all(orgId))],
    noCache: source.noCache,
    images: await ownImages(ctx, orgId),
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      await ctx.worker.builds.start(order);
      return;
    } catch (error) {
      if (!(error instanceof FastvmError && error.code === "out_of_capacity")) throw error;
      await later(ctx.config.queueRetryMs, signal);
    }
  }
}

/** What its names mean in a Dockerfile: what it has built under them last. */
async function ownImages(ctx: Parts<"store">, orgId: OrgId): Promise<Readonly<Record<string, string>>> {
  const builds = await ctx.store.builds.tagged(orgId);
  const names = builds
    .toReversed()
    .flatMap(({ tag, imageDigest }) =>
      tag === null || imageDigest === null
        ? []
        : [[formatReference(parseReference(tag)), imageDigest] as const],
    );
  return Object.fromEntries(names);
}

async function follow(ctx: ProgressContext & Parts<"worker">, live: LiveBuild): Promise<BuildOutcome> {
  const { signal } = live.ending;
  const cancel = (): void => {
    ctx.worker.builds.cancel(live.id).catch((error: unknown) => {
      ctx.log.error({ err: error, buildId: live.id }, "a build could not be cancelled");
    });
  };
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    for await (const event of await ctx.worker.builds.follow(live.id, 0)) {
      if (event.kind === "ended") return event.outcome;
      await tell(ctx, live, event);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  throw new BuildFailed("The host told nothing of its end");
}

async function tell(ctx: ProgressContext, live: LiveBuild, event: Exclude<BuildEvent, { kind: "ended" }>) {
  if (event.kind === "log") {
    live.line(event.line);
    return;
  }
  const { phase: name, status, atMs } = event;
  live.happens({ phase: name, status, atMs });
  // What ends a phase is written with what begins the next.
  if (status === "started") await note(ctx, live, {});
}
