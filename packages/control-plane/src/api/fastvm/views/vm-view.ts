import { idleEndOf, idleOf, maxLifeOf, type VmRecord } from "../../../engine/engine.ts";
import type { Vm } from "@fastvm/contract";
import { renderEffectiveFirewall, renderFirewall, type Dialect } from "../firewall/render.ts";
import { bucketMountView, bucketsIn, volumesIn } from "./bucket-mount-view.ts";
import { interceptionView } from "./interception-view.ts";
import { timestamp } from "./timestamp.ts";
import { mountView } from "./volume-view.ts";

/** The VM as the API shows it; what does not apply is left out. */
export function vmView(vm: VmRecord, dialect: Dialect): Vm {
  return {
    id: vm.id,
    name: vm.name,
    orgId: vm.orgId,
    machineName: vm.machineName,
    cpu: vm.cpu,
    memoryMiB: vm.memoryMib,
    diskGiB: vm.diskGib,
    status: vm.status,
    ...(vm.statusReason === null ? {} : { statusReason: vm.statusReason }),
    createdAt: timestamp(vm.createdAt),
    ...(vm.sourceName === null ? {} : { sourceName: vm.sourceName }),
    ...(vm.sourceSnapshotId === null ? {} : { sourceSnapshotId: vm.sourceSnapshotId }),
    ...(vm.sourceVmId === null ? {} : { sourceVmId: vm.sourceVmId }),
    ...(vm.publicIpv6 === null ? {} : { publicIpv6: vm.publicIpv6 }),
    metadata: vm.metadata,
    envVars: vm.envVars,
    firewall: renderFirewall(vm.network, dialect),
    effectiveFirewall: renderEffectiveFirewall(vm.network, vm.services, dialect),
    ...(vm.ttlAction === null || vm.ttlSeconds === null
      ? {}
      : { ttl: { action: vm.ttlAction, seconds: vm.ttlSeconds } }),
    ...(vm.expiresAt === null || vm.status !== "running" ? {} : { expiresAtMs: vm.expiresAt }),
    ...(vm.ttlRemainingMs === null || (vm.status !== "paused" && vm.status !== "stopped")
      ? {}
      : { ttlRemainingMs: vm.ttlRemainingMs }),
    ...policies(vm),
    autoResume: vm.autoResume,
    durability: vm.durability,
    restartPolicy: vm.restartPolicy,
    ...interceptionView(vm),
    ...(vm.pausedAt === null ? {} : { pausedAt: timestamp(vm.pausedAt) }),
    ...mounts(vm),
  };
}

function mounts({ id, status, volumes }: VmRecord): Pick<Vm, "volumes" | "bucketMounts"> {
  const others = volumesIn(volumes).map((mount) => mountView(mount, status));
  const buckets = bucketsIn(volumes).map((mount) => bucketMountView(id, status, mount));
  return {
    ...(others.length === 0 ? {} : { volumes: others }),
    ...(buckets.length === 0 ? {} : { bucketMounts: buckets }),
  };
}

/** When it ends by itself. */
function policies(vm: VmRecord): Pick<Vm, "maxLife" | "lifeEndsAtMs" | "idle" | "idleEndsAtMs"> {
  const [maxLife, idle, idleEndsAtMs] = [maxLifeOf(vm), idleOf(vm), idleEndOf(vm)];
  return {
    ...(maxLife === undefined ? {} : { maxLife }),
    ...(vm.lifeEndsAt === null ? {} : { lifeEndsAtMs: vm.lifeEndsAt }),
    ...(idle === undefined ? {} : { idle }),
    ...(idleEndsAtMs === undefined ? {} : { idleEndsAtMs }),
  };
}
