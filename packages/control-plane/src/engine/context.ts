/** What every transition needs. */
import type { AddressGuard, ImageHolding, WorkerPort } from "@fastvm/contract";
import type { Clock } from "../clock.ts";
import type { ControlPlaneConfig } from "../config.ts";
import type { Log } from "../log.ts";
import type { SealingKeys } from "../sealing/sealing-keys.ts";
import type { Staging } from "../staging/staging.ts";
import type { Store } from "../store/store.ts";
import type { ActivityClock } from "./activity/activity-clock.ts";
import type { PreviewUses } from "./activity/preview-uses.ts";
import type { BuildQueue } from "./builds/build-queue.ts";
import type { CapacityQueue } from "./placement/capacity-queue.ts";
import type { EventFeed } from "./events/event-feed.ts";
import type { Bell } from "./events/bell.ts";
import type { EventTellers } from "./events/event-tellers.ts";
import type { HostShutdown } from "./host-shutdown.ts";
import type { InflightOperations } from "./inflight.ts";
import type { Reconciler } from "./reconcile/reconciler.ts";
import type { SerialByKey } from "./serial-by-key.ts";

/** Does the work, and does it again with room that was set aside for it when it finds the disk full. */
export type LendRoom = <T>(work: () => Promise<T>) => Promise<T>;

export interface LifecycleContext {
  readonly store: Store;
  readonly worker: WorkerPort;
  /** The same, for what is no use of a VM. */
  readonly unnoticed: Pick<WorkerPort, "exec">;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: ControlPlaneConfig;
  readonly staging: Staging;
  /** Of registries. Absent: the host keeps none. */
  readonly images?: ImageHolding | undefined;
  /** For secrets of organisations. */
  readonly sealing: SealingKeys;
  readonly events: EventFeed;
  readonly tellers: EventTellers;
  /** Where the host goes at a client's word. */
  readonly guard: AddressGuard;
  readonly lendRoom: LendRoom;
  readonly inflight: InflightOperations;
  readonly queue: CapacityQueue;
  readonly builds: BuildQueue;
  readonly reconciler: Reconciler;
  readonly activity: ActivityClock;
  readonly previewUses: PreviewUses;
  readonly shutdown: HostShutdown;
  /** For whoever looks after pools. */
  readonly poolBell: Bell;
  /** Rung where somebody is to be told of events from now on. */
  readonly webhookBell: Bell;
  /** What the worker is told of records that changed, by VM. */
  readonly updates: SerialByKey;
}

/** Those parts that a function works with, itself or by what it calls. The whole is for who composes it. */
export type Parts<K extends keyof LifecycleContext> = Pick<LifecycleContext, K>;
