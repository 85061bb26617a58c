/** A sandbox as both generations of clients read it. */
import {
  DEFAULT_MEMORY_MIB,
  DEFAULT_VCPUS,
  type FlatSpec,
  type SandboxSpec,
  type SandboxStatus,
  type SandboxView,
  type VmStatus,
} from "@fastvm/contract";
import type { Sandbox } from "../../../engine/engine.ts";

const STATUSES: Readonly<Record<VmStatus, SandboxStatus>> = {
  provisioning: "starting",
  resuming: "starting",
  running: "running",
  pausing: "stopping",
  deleting: "stopping",
  paused: "stopped",
  stopped: "stopped",
  error: "failed",
};

export function sandboxStatus({ vm }: Sandbox): SandboxStatus {
  return vm === undefined ? "created" : STATUSES[vm.status];
}

/**
 * As it was asked for, the secrets left out. Answered in the form of the API: the published client takes a sandbox's directory, shell,
 * user and environment from no other. Its command lists images by the local form alone, so that column of `msb ls` is empty.
 */
export function specOf({ sandbox }: Sandbox): SandboxSpec {
  return sandbox.written as SandboxSpec;
}

export function sandboxView(found: Sandbox): SandboxView {
  const { sandbox, vm } = found;
  const spec = specOf(found);
  const status = sandboxStatus(found);
  const failure = status === "failed" ? (vm?.statusReason ?? "it failed") : null;
  return {
    id: sandbox.id,
    org_id: sandbox.orgId,
    name: sandbox.name,
    slug: sandbox.slug,
    status,
    status_reason: status === "starting" ? reasonToWait(vm?.queuedAt ?? null) : null,
    spec,
    config: flatOf(spec),
    ephemeral: spec.lifecycle?.ephemeral ?? false,
    created_at: new Date(sandbox.createdAt).toISOString(),
    started_at: instantOf(vm?.startedAt ?? null),
    // Its last stop: of one that runs again it stays.
    stopped_at: instantOf(vm?.pausedAt ?? vm?.endedAt ?? null),
    last_failure_message: failure,
    last_error: failure,
  };
}

function reasonToWait(queuedAt: number | null): SandboxView["status_reason"] {
  return queuedAt === null ? "scheduling" : "insufficient_capacity";
}

function instantOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function flatOf({ name, image, resources, runtime, env, lifecycle }: SandboxSpec): FlatSpec {
  return {
    name,
    image: image.type === "oci" ? image.reference : image.path,
    vcpus: resources?.vcpus ?? DEFAULT_VCPUS,
    memory_mib: resources?.memory_mib ?? DEFAULT_MEMORY_MIB,
    env: Object.fromEntries((env ?? []).map(({ key, value }) => [key, value])),
    ephemeral: lifecycle?.ephemeral ?? false,
    workdir: runtime?.workdir ?? null,
    shell: runtime?.shell ?? null,
    entrypoint: runtime?.entrypoint ?? null,
    hostname: runtime?.hostname ?? null,
    user: runtime?.user ?? null,
    log_level: runtime?.log_level ?? null,
    scripts: runtime?.scripts ?? {},
    max_duration_secs: lifecycle?.max_duration_secs ?? null,
    idle_timeout_secs: lifecycle?.idle_timeout_secs ?? null,
  };
}
