/** Builds, as APIs ask for them. What one organisation builds another neither sees nor uses. */
import { randomUUID } from "node:crypto";
import { FastvmError, MAX_CONTEXT_BYTES, newSnapshotId, newVmId, step } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import { holderOf } from "../../staging/staging-holder.ts";
import { STAGING_LIFETIME_SEC } from "../../staging/staging.ts";
import { UNFINISHED, type BuildRecord } from "../../store/build-repository.ts";
import type { TemplateTag } from "../../store/template-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { notFound } from "../find.ts";
import { reserveSnapshotQuota } from "../placement/reservation.ts";
import { removeSnapshot } from "./end-build.ts";
import { LiveBuild, type BuildNews } from "./live-build.ts";
import type { ContextObject, NewBuild } from "./new-build.ts";
import { builtImageOf, dropImage } from "./remove-image.ts";
import { endUnbegun, runBuild, type RunBuildContext } from "./run-build.ts";

/**
 * What else the transaction records that records the build. A build that it resolves to stands for this one, as the order was carried out
 * before.
 */
type Alongside = (records: Records, build: BuildRecord) => Promise<BuildRecord | undefined>;

/** That have not ended, of one organisation: enough for a set of images, and an hour's work for a host. */
const MAX_UNFINISHED_PER_ORG = 16;

type BuildsContext = RunBuildContext & Parts<"builds">;

interface PresignedContext {
  /** Names the object to this organisation alone. */
  readonly reference: string;
  readonly uploadUrl: string;
  readonly downloadUrl: string;
  readonly lifetimeSec: number;
  readonly maxBytes: number;
}

export class Builds {
  readonly #ctx: BuildsContext;

  constructor(ctx: BuildsContext) {
    this.#ctx = ctx;
  }

  /** A place for the context of one build. `base` is where the caller reaches us. */
  presign(caller: Caller, base: URL): PresignedContext {
    const { staging, clock } = this.#ctx;
    const reference = staging.urls.newObjectId();
    const grant = {
      holder: holderOf(caller.orgId),
      objectId: reference,
      maxBytes: this.maxContextBytes,
      expiresAtMs: clock.now() + STAGING_LIFETIME_SEC * 1000,
    };
    return {
      reference,
      uploadUrl: base.origin + staging.urls.sign({ ...grant, method: "PUT" }),
      downloadUrl: base.origin + staging.urls.sign({ ...grant, method: "GET" }),
      lifetimeSec: STAGING_LIFETIME_SEC,
      maxBytes: this.maxContextBytes,
    };
  }

  get maxContextBytes(): number {
    return Math.min(MAX_CONTEXT_BYTES, this.#ctx.config.staging.bytesPerOrg);
  }

  /** Of a URL, which must be one that we minted for this organisation. */
  contextOfUrl(caller: Caller, url: string, field: string): ContextObject {
    const { staging, clock } = this.#ctx;
    const parsed = URL.parse(url);
    const grant = parsed === null ? undefined : staging.urls.verify(parsed.pathname + parsed.search);
    if (grant?.method !== "GET") {
      throw new FastvmError("invalid_request", `${field} must be a downloadUrl of this server`, { field });
    }
    if (clock.now() >= grant.expiresAtMs)
      throw new FastvmError("forbidden", "this URL has expired", { field });
    if (grant.holder !== holderOf(caller.orgId)) {
      throw new FastvmError("forbidden", "this URL was not made for a build of yours", { field });
    }
    return this.#uploaded(grant, field);
  }

  /** Of what `presign` called it. */
  contextOfReference(caller: Caller, objectId: string, field: string): ContextObject {
    return this.#uploaded({ holder: holderOf(caller.orgId), objectId }, field);
  }

  /** Answers when it is recorded; it goes on by itself. */
  async create(caller: Caller, order: NewBuild, alongside?: Alongside): Promise<BuildRecord> {
    const ctx = this.#ctx;
    const build = this.#newRecord(caller, order);
    return await ctx.inflight.hold(build.id, async () => {
      const earlier = await ctx.store.transaction(async (records) => {
        await records.organisations.lock(caller.orgId);
        const made = await alongside?.(records, build);
        if (made !== undefined) return made;
        const unfinished = await records.builds.countUnfinished(caller.orgId);
        if (unfinished >= MAX_UNFINISHED_PER_ORG) {
          throw new FastvmError(
            "quota_exceeded",
            `builds: ${unfinished} of ${MAX_UNFINISHED_PER_ORG} have not ended`,
          );
        }
        // There must be room for what it makes; what it takes is taken when it is made.
        await reserveSnapshotQuota(records, caller.orgId);
        await records.builds.create(build);
        return undefined;
      });
      if (earlier !== undefined) return earlier;
      await step("control.build.recorded");
      const live = new LiveBuild(build, order);
      void ctx.inflight.start(build.id, "build", () =>
        ctx.builds.run(
          live,
          () => runBuild(ctx, live),
          () => endUnbegun(ctx, live),
        ),
      );
      return build;
    });
  }

  /** By id, unique beginning of one, or a name, of which the newest counts. */
  async get(caller: Caller, reference: string): Promise<BuildRecord> {
    const build = await this.#ctx.store.builds.find(caller.orgId, reference);
    if (build === undefined) throw notFound("build", reference, "build");
    return build;
  }

  /** Newest first. */
  list(caller: Caller): Promise<readonly BuildRecord[]> {
    return this.#ctx.store.builds.list(caller.orgId);
  }

  /** What it has printed so far. */
  async log({ id }: BuildRecord): Promise<string> {
    return this.#ctx.builds.get(id)?.log ?? (await this.#ctx.store.builds.log(id));
  }

  /** From the beginning to the end. Whoever stops reading leaves the build alone. */
  async *follow(
    build: BuildRecord,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<BuildNews, void, undefined> {
    const live = this.#ctx.builds.get(build.id);
    if (live !== undefined) {
      yield* live.follow(signal);
      return;
    }
    const log = await this.#ctx.store.builds.log(build.id);
    for (const line of log.split("\n").slice(0, -1)) yield { kind: "line", line };
    yield { kind: "ended", build: (await this.#ctx.store.builds.get(build.id)) ?? build };
  }

  /** Resolves when nothing of it runs any more, to what has become of it. */
  async cancel(caller: Caller, reference: string): Promise<BuildRecord> {
    const ctx = this.#ctx;
    const build = await this.get(caller, reference);
    ctx.builds.get(build.id)?.ending.abort(new BuildCancelled());
    if (!(await ctx.inflight.join(build.id, "build")) && UNFINISHED.includes(build.status)) {
      await ctx.reconciler.lookNow(build.id);
    }
    return (await ctx.store.builds.get(build.id)) ?? build;
  }

  /** With its image and its snapshot. Resolves to its id. */
  async delete(caller: Caller, reference: string): Promise<string> {
    const build = await this.get(caller, reference);
    if (UNFINISHED.includes(build.status)) {
      throw new FastvmError("conflict", `it is ${build.status}; cancel it first`);
    }
    const [tag] = await this.#ctx.store.templates.tagsOfBuild(build.id);
    refuseMeant(tag);
    await removeSnapshot(this.#ctx, build);
    // One may have been moved to it meanwhile.
    refuseMeant(await dropImage(this.#ctx, build));
    await this.#ctx.store.transaction(async (records) => void (await records.builds.remove(build.id)));
    return build.id;
  }

  #uploaded(object: ContextObject, field: string): ContextObject {
    if (this.#ctx.staging.objects.isThere(object.holder, object.objectId)) return object;
    throw new FastvmError("not_found", "nothing was uploaded there, or a build has used it", { field });
  }

  #newRecord(
    caller: Caller,
    { id = randomUUID(), source, name, machine, diskGib, tag }: NewBuild,
  ): BuildRecord {
    const at = this.#ctx.clock.now();
    const isImage = source.kind === "image";
    return {
      id,
      orgId: caller.orgId,
      name: name === "" ? null : name,
      status: "pending",
      source: isImage
        ? { kind: "image", image: source.reference }
        : {
            kind: "dockerfile",
            image: source.image,
            dockerfilePath: "path" in source.dockerfile ? source.dockerfile.path : undefined,
            target: source.target,
            args: source.args,
          },
      machineName: machine.name,
      cpu: machine.cpu,
      memoryMib: machine.memoryMib,
      diskGib,
      tag: tag ?? null,
      vmId: newVmId(),
      snapshotId: newSnapshotId(),
      imageReference: isImage ? null : builtImageOf(id),
      imageDigest: null,
      stepsRan: null,
      stepsCached: null,
      events: [],
      error: null,
      actor: actorOf(caller),
      createdAt: at,
      startedAt: null,
      finishedAt: null,
      updatedAt: at,
    };
  }
}

function refuseMeant(tag: TemplateTag | undefined): void {
  if (tag === undefined) return;
  throw new FastvmError("conflict", `a template's tag ${tag.tag} means it; let the tag mean another first`);
}

/** Why a build ends that somebody cancelled. */
class BuildCancelled extends Error {
  override readonly name = "BuildCancelled";
}
