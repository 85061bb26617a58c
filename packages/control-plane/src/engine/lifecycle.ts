/** Puts the parts together: the context that routes work with, and its start and stop. */
import { FastvmError } from "@fastvm/contract";
import type { AddressGuard } from "@fastvm/contract";
import { BuildQueue } from "./builds/build-queue.ts";
import { CapacityQueue } from "./placement/capacity-queue.ts";
import type { LendRoom, LifecycleContext, Parts } from "./context.ts";
import { drainQueue } from "./vms/drain-queue.ts";
import { ActivityClock } from "./activity/activity-clock.ts";
import { noticing } from "./activity/noticing-worker.ts";
import { PreviewUses } from "./activity/preview-uses.ts";
import { PolicyKeeper } from "./policies/policy-keeper.ts";
import { restartDue } from "./vms/restart-policy.ts";
import { expireEnded } from "./sandboxes/expire-ended.ts";
import { expireOverdue } from "./vms/expire.ts";
import { Bell } from "./events/bell.ts";
import { EventFeed } from "./events/event-feed.ts";
import { isCallersFault } from "./failure.ts";
import { HostShutdown } from "./host-shutdown.ts";
import { InflightOperations, type Watch } from "./inflight.ts";
import { compare } from "./reconcile/compare.ts";
import { PoolKeeper } from "./pools/pool-keeper.ts";
import { Reconciler, type Scope } from "./reconcile/reconciler.ts";
import { retellBuckets, sealBucketsAnew } from "./volumes/buckets-after-start.ts";
import { sealSecretsAnew } from "./interception/seal-anew.ts";
import { SealedValues } from "./secrets/sealed-values.ts";
import { SerialByKey } from "./serial-by-key.ts";
import { followWorker } from "./vms/worker-events.ts";
import { WebhookDispatcher } from "./webhooks/dispatcher.ts";

/** The others follow with the next look. */
const MAX_DUE_AT_ONCE = 256;

export function createLifecycle(
  deps: Omit<
    LifecycleContext,
    | "events"
    | "tellers"
    | "guard"
    | "poolBell"
    | "webhookBell"
    | "activity"
    | "previewUses"
    | "inflight"
    | "queue"
    | "builds"
    | "reconciler"
    | "updates"
    | "unnoticed"
    | "lendRoom"
    | "shutdown"
  > & {
    readonly lendRoom?: LendRoom | undefined;
    /** Absent: nowhere. */
    readonly guard?: AddressGuard | undefined;
  },
): LifecycleContext {
  const queue = new CapacityQueue(() => drainQueue(ctx), deps.config.queueRetryMs, deps.log);
  const inflight = new InflightOperations((key, error) => {
    // The record does not say what nobody foresaw, and its caller may have been answered long before.
    if (!(error instanceof FastvmError))
      deps.log.error({ err: error, key }, "an operation failed through a bug");
    if (!isCallersFault(error)) reconciler.lookLater(key);
  });
  const comparison = { inflight, compare: (scope: Scope, watch: Watch) => compare(ctx, scope, watch) };
  const reconciler = new Reconciler(comparison, deps.config, deps.log);
  const activity = new ActivityClock(deps);
  const ctx: LifecycleContext = {
    ...deps,
    worker: noticing(deps.worker, activity),
    unnoticed: deps.worker,
    activity,
    previewUses: new PreviewUses(deps),
    events: new EventFeed(deps.store, deps.config.eventPollMs),
    tellers: new Map(),
    poolBell: new Bell(),
    webhookBell: new Bell(),
    guard: deps.guard ?? { addressesOf: async () => [] },
    lendRoom: deps.lendRoom ?? ((work) => work()),
    inflight,
    shutdown: new HostShutdown(),
    reconciler,
    updates: new SerialByKey(),
    queue,
    builds: new BuildQueue(deps.config.maxBuildsAtOnce),
  };
  return ctx;
}

/** Reconciles, then follows the worker; resolves to the function that stops all of it. */
export async function startLifecycle(ctx: LifecycleContext): Promise<() => Promise<void>> {
  const unsubscribe = followWorker(ctx);
  await ctx.reconciler.start();
  const pruning = setInterval(() => {
    ctx.store.events.prune(ctx.config.maxEvents).catch((error: unknown) => {
      ctx.log.error({ err: error }, "old events could not be pruned");
    });
    ctx.store.audit.prune(ctx.config.maxAuditEntries).catch((error: unknown) => {
      ctx.log.error({ err: error }, "old entries of the audit could not be pruned");
    });
  }, ctx.config.pruneEveryMs);
  pruning.unref();
  const { expireEveryMs, insistEveryMs } = ctx.config;
  const stopExpiring = regularly(
    expireEveryMs,
    async () => {
      await expireOverdue(ctx);
      await restartDue(ctx);
      await expireEnded(ctx);
    },
    (error) => {
      ctx.log.error({ err: error }, "times to live could not be looked at");
    },
  );
  const stopPolicies = keepPolicies(ctx);
  const stopCounting = regularly(
    expireEveryMs,
    () => ctx.previewUses.writeDown(),
    (error) => {
      ctx.log.error({ err: error }, "uses of previews could not be written down");
    },
  );
  const stopInsisting = regularly(
    insistEveryMs,
    async () => ctx.reconciler.lookNow(...(await ctx.store.owed.due(ctx.clock.now(), MAX_DUE_AT_ONCE))),
    (error) => {
      ctx.log.error({ err: error }, "what workers are owed could not be looked at");
    },
  );
  // Not waited for: whatever key it was sealed with, it opens.
  const sealing = sealAllAnew(ctx).catch((error: unknown) => {
    ctx.log.error({ err: error }, "secrets could not be sealed with the newest key");
  });
  const buckets = retellBuckets(ctx).catch((error: unknown) => {
    ctx.log.error({ err: error }, "credentials of buckets could not be told");
  });
  const webhooks = new WebhookDispatcher(ctx);
  ctx.webhookBell.answerWith(() => webhooks.wake());
  const pools = new PoolKeeper(ctx);
  ctx.poolBell.answerWith(() => pools.wake());
  ctx.queue.wake();
  return async () => {
    clearInterval(pruning);
    await webhooks.close();
    await pools.close();
    await sealing;
    await buckets;
    await Promise.all([
      stopExpiring(),
      stopPolicies(),
      stopCounting(),
      stopInsisting(),
      ctx.reconciler.close(),
    ]);
    await ctx.queue.close();
    ctx.builds.close();
    await ctx.inflight.settle(ctx.config.closeGraceMs);
    unsubscribe();
    ctx.events.close();
  };
}

/** Apart from what waits for no guest. */
function keepPolicies(ctx: LifecycleContext): () => Promise<void> {
  const policies = new PolicyKeeper(ctx);
  const closing = new AbortController();
  const stop = regularly(
    ctx.config.expireEveryMs,
    () => policies.look(closing.signal),
    (error) => {
      ctx.log.error({ err: error }, "lifecycle policies could not be looked at");
    },
  );
  return async () => {
    closing.abort();
    await stop();
    await policies.close();
  };
}

/** One round at a time: a slow pause must not be asked for again meanwhile. */
function regularly(
  everyMs: number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let working: Promise<void> | undefined;
  const timer = setInterval(() => {
    working ??= work()
      .catch(onError)
      .finally(() => {
        working = undefined;
      });
  }, everyMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await working;
  };
}

async function sealAllAnew(ctx: Parts<"sealing" | "store">): Promise<void> {
  await new SealedValues(ctx).sealAnew();
  await sealSecretsAnew(ctx);
  await sealBucketsAnew(ctx);
}
