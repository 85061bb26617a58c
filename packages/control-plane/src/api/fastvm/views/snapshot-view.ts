/** A snapshot as this API shows it. */
import type { SnapshotRecord } from "../../../engine/engine.ts";
import type { Snapshot } from "@fastvm/contract";
import { renderFirewall, type Dialect } from "../firewall/render.ts";
import { bucketsIn, capturedBucketView, volumesIn } from "./bucket-mount-view.ts";
import { timestamp } from "./timestamp.ts";
import { whatIsMounted } from "./volume-view.ts";

export function snapshotView(snapshot: SnapshotRecord, dialect: Dialect): Snapshot {
  const volumes = volumesIn(snapshot.volumes);
  const buckets = bucketsIn(snapshot.volumes);
  return {
    id: snapshot.id,
    name: snapshot.name,
    orgId: snapshot.orgId,
    vmId: snapshot.vmId,
    status: snapshot.status,
    ...(snapshot.statusReason === null ? {} : { statusReason: snapshot.statusReason }),
    createdAt: timestamp(snapshot.createdAt),
    machineName: snapshot.machineName,
    diskGiB: snapshot.diskGib,
    metadata: snapshot.metadata,
    envVars: snapshot.envVars,
    firewall: renderFirewall(snapshot.network, dialect),
    services: [...snapshot.services],
    ...(volumes.length === 0 ? {} : { volumes: volumes.map(whatIsMounted) }),
    ...(buckets.length === 0 ? {} : { bucketMounts: buckets.map(capturedBucketView) }),
    ...(snapshot.pauseMs === null ? {} : { pauseMs: snapshot.pauseMs }),
  };
}
