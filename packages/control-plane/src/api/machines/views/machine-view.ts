/** A VM as this API shows it. */
import { VOLUME_ATTACHMENTS, type Machine } from "@fastvm/contract";
import type { ActivityClock, VmRecord } from "../../../engine/engine.ts";
import { machineId, pauseId } from "../ids.ts";
import { WORKSPACE } from "../machine-path.ts";
import { instantOf } from "./instant.ts";
import { remainingMs, runningUntil, timeoutActionOf } from "./lease-view.ts";
import { machineState } from "./machine-state.ts";
import { attachmentsView } from "./volume-view.ts";

export const BASE_TEMPLATE = "base";

interface Templated {
  readonly template: string;
  /** Of pools there is none beside the template. */
  readonly templateRef?: string;
}

interface Seen {
  readonly now: number;
  readonly activity: Pick<ActivityClock, "lastUsed">;
}

export function machineView(vm: VmRecord, { now, activity }: Seen): Machine {
  const until = instantOf(runningUntil(vm));
  return {
    id: machineId(vm),
    status: machineState(vm.status),
    config: { vcpus: vm.cpu, memory_mb: vm.memoryMib, disk_mb: vm.diskGib * 1024 },
    template: templateOf(vm),
    metadata: metadataView(vm),
    created_at: instantOf(vm.createdAt),
    started_at: instantOf(vm.startedAt),
    timeout_ms: vm.ttlSeconds === null ? null : vm.ttlSeconds * 1000,
    timeout_at: until,
    expires_at: until,
    timeout_action: vm.ttlAction === null ? null : timeoutActionOf(vm.ttlAction),
    cwd: vm.cwd === "" ? WORKSPACE : vm.cwd,
    snapshot_id: vm.status === "paused" ? pauseId(vm) : null,
    traffic_access_token: null,
    status_reason: vm.statusReason,
    remaining_ms: remainingMs(vm, now),
    last_active_at: instantOf(activity.lastUsed(vm.id, vm.lastActiveAt)),
    inactivity_timeout_ms: vm.inactivityMs === 0 ? null : vm.inactivityMs,
    auto_delete_after_ms: vm.autoDeleteMs === 0 ? null : vm.autoDeleteMs,
    auto_resume: vm.autoResume,
    allow_public_traffic: !vm.privateTraffic,
    ephemeral: vm.ephemeral,
  };
}

/** Of a template as clients call it, else the image. */
export function templateOf({ template, templateRef = "" }: Templated): string {
  if (templateRef !== "") return templateRef;
  return template === "" ? BASE_TEMPLATE : template;
}

function metadataView(vm: VmRecord): Machine["metadata"] {
  const attachments = attachmentsView(vm, vm.volumes);
  return attachments.length === 0
    ? vm.metadata
    : Object.assign({}, vm.metadata, { [VOLUME_ATTACHMENTS]: attachments });
}
