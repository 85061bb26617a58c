/** A snapshot as the API shows it, and what a client says of one. */
import { Type, type Static } from "typebox";
import { SNAPSHOT_STATUSES, type SnapshotStatus } from "../../../model/snapshot-status.ts";
import { AnyFirewallSchema } from "./firewall.ts";
import { CapturedBucketSchema } from "./bucket-mount.ts";
import { nullable } from "./nullable.ts";
import { ServiceSchema } from "./service.ts";
import { stringMap } from "./string-map.ts";
import { VolumeMountSchema } from "./volume.ts";

export const SnapshotSchema = Type.Object(
  {
    id: Type.String({ description: "UUID." }),
    name: Type.String(),
    orgId: Type.String(),
    vmId: Type.String({ description: "The VM it was taken of; that VM may be gone." }),
    status: Type.Unsafe<SnapshotStatus>({ type: "string", enum: [...SNAPSHOT_STATUSES] }),
    statusReason: Type.Optional(Type.String({ description: "Why it is in `error`." })),
    createdAt: Type.String({ format: "date-time" }),
    machineName: Type.String({ description: "What VMs restored from it get." }),
    diskGiB: Type.Integer(),
    metadata: stringMap("As the VM had it."),
    envVars: stringMap("As the VM had it."),
    firewall: AnyFirewallSchema,
    services: Type.Array(ServiceSchema, { description: "As the VM had them." }),
    volumes: Type.Optional(
      Type.Array(VolumeMountSchema, { description: "As the VM had them; absent where it had none." }),
    ),
    bucketMounts: Type.Optional(
      Type.Array(CapturedBucketSchema, { description: "As the VM had them; absent where it had none." }),
    ),
    pauseMs: Type.Optional(Type.Number({ description: "How long the source stood still." })),
    reclaimedBytes: Type.Optional(
      nullable(
        Type.Integer({
          description:
            "In the answer to a call with `reclaim` alone: free memory that was left out. `null` where that could not be.",
        }),
      ),
    ),
  },
  { title: "Snapshot" },
);
export type Snapshot = Static<typeof SnapshotSchema>;

const name = nullable(Type.String({ description: "Trimmed, white space collapsed, cut to 64 characters." }));

export const CreateSnapshotBodySchema = Type.Object(
  {
    vmId: Type.String({ description: "Id, unique id prefix or unique name." }),
    name: Type.Optional(name),
    reclaim: Type.Optional(
      nullable(
        Type.Boolean({
          description:
            "The VM drops its page cache, and memory that it has free is left out: a smaller snapshot. Default false.",
        }),
      ),
    ),
  },
  { title: "CreateSnapshotBody" },
);

export const UpdateSnapshotBodySchema = Type.Object(
  { name: Type.Optional(name) },
  { title: "UpdateSnapshotBody" },
);
