/** Pools as this API shows them. */
import type { WarmPoolView } from "@fastvm/contract";
import type { PoolCounts, WarmPoolRecord } from "../../../engine/engine.ts";
import { shownId } from "../shown-ids.ts";
import { instantOf } from "./instant.ts";
import { templateOf } from "./machine-view.ts";

export function warmPoolView(pool: WarmPoolRecord, counts: PoolCounts): WarmPoolView {
  const template = templateOf(pool);
  const target = pool.state === "enabled" ? pool.minReady : 0;
  return {
    id: shownId("pool", pool.id),
    name: pool.name,
    template_ref: template,
    resolved_template: template,
    resolved_template_build_id: shownBuild(pool.resolved),
    previous_resolved_template_build_id: shownBuild(pool.previousResolved),
    resources: { vcpus: pool.cpu, memory_mb: pool.memoryMib, disk_mb: pool.diskGib * 1024 },
    min_ready: pool.minReady,
    max_ready: pool.maxReady,
    checkout_policy: pool.checkoutMode,
    version_policy: pool.isTracking ? "track_tag" : "pinned_build",
    stale_after_seconds: pool.staleAfterMs === null ? null : pool.staleAfterMs / 1000,
    labels: pool.labels,
    metadata: pool.metadata,
    // One that is deleted is shown to nobody.
    state: pool.state === "deleted" ? "draining" : pool.state,
    rollout_generation: pool.generation,
    counts: {
      target,
      ready: counts.ready,
      warming: counts.warming,
      claimed: pool.hits,
      draining: counts.draining,
      failed: pool.failures,
      expired: pool.expired,
      unavailable: Math.max(0, target - counts.ready),
    },
    conditions: conditionsOf(pool),
    created_at: instantOf(pool.createdAt),
    updated_at: instantOf(pool.updatedAt),
    enabled_at: instantOf(pool.enabledAt),
    disabled_at: instantOf(pool.disabledAt),
    drain_requested_at: instantOf(pool.drainRequestedAt),
    last_reconciled_at: instantOf(pool.reconciledAt),
  };
}

function conditionsOf({ state, condition, conditionDetail }: WarmPoolRecord): WarmPoolView["conditions"] {
  if (state === "draining") return [{ code: "drain_active", message: null }];
  if (state === "disabled") return [{ code: "controller_disabled", message: null }];
  if (condition === null) return [];
  // As the engine names them.
  const code = condition as WarmPoolView["conditions"][number]["code"];
  return [{ code, message: conditionDetail }];
}

/** The build of a template by its id, an image by its digest. */
function shownBuild(resolved: string | null): string | null {
  return resolved === null || !/^[0-9a-f]{8}-/.test(resolved) ? resolved : shownId("build", resolved);
}
