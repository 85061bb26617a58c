/** A VM as the API shows it. */
import { Type, type Static } from "typebox";
import { VM_STATUSES, type VmStatus } from "../../../model/vm-status.ts";
import { DURABILITIES, RESTART_POLICIES, type Durability, type RestartPolicy } from "../../../model/power.ts";
import { stringMap } from "./string-map.ts";
import { BucketMountSchema } from "./bucket-mount.ts";
import { AttachmentWarningsSchema } from "./attachment-warnings.ts";
import { VmVolumeSchema } from "./volume.ts";
import { AnyFirewallSchema, type Firewall, type LegacyFirewall } from "./firewall.ts";
import { SecretSchema, TlsSchema } from "./interception.ts";
import { nullable } from "./nullable.ts";
import { TtlSchema } from "./ttl.ts";
import { IdlePolicySchema, MaxLifeSchema } from "./lifecycle-policy.ts";

export const VmSchema = Type.Object(
  {
    id: Type.String({ description: "UUID." }),
    name: Type.String(),
    orgId: Type.String(),
    machineName: Type.String({ description: "For example `c1m2`." }),
    cpu: Type.Integer({ description: "vCPUs." }),
    memoryMiB: Type.Integer(),
    diskGiB: Type.Integer(),
    status: Type.Unsafe<VmStatus>({ type: "string", enum: [...VM_STATUSES] }),
    statusReason: Type.Optional(
      Type.String({
        description: "Why the VM is in `error` or `stopped`, or was paused by itself, or what it waits for.",
      }),
    ),
    createdAt: Type.String({ format: "date-time" }),
    sourceName: Type.Optional(Type.String({ description: "Name of the snapshot or VM it was made from." })),
    sourceSnapshotId: Type.Optional(Type.String({ description: "The snapshot it was restored from." })),
    sourceVmId: Type.Optional(Type.String({ description: "The VM it was forked from." })),
    publicIpv6: Type.Optional(
      Type.String({ description: "Its own address, for its whole life; absent where VMs have no network." }),
    ),
    metadata: stringMap("Free-form labels."),
    envVars: stringMap("Environment of every command run in the VM."),
    firewall: AnyFirewallSchema,
    effectiveFirewall: Type.Unsafe<Firewall | LegacyFirewall>({
      ...AnyFirewallSchema,
      description: "The policy with one rule for each service.",
    }),
    ttl: Type.Optional(nullable(TtlSchema)),
    expiresAtMs: Type.Optional(
      Type.Integer({ description: "While it runs: when its time is over, in ms since 1970." }),
    ),
    ttlRemainingMs: Type.Optional(
      Type.Integer({ description: "While it is paused or stopped: what is left of its time, in ms." }),
    ),
    maxLife: Type.Optional(MaxLifeSchema),
    lifeEndsAtMs: Type.Optional(
      Type.Integer({ description: "With `maxLife`: when its life is over, in ms since 1970." }),
    ),
    idle: Type.Optional(IdlePolicySchema),
    idleEndsAtMs: Type.Optional(
      Type.Integer({
        description: "With `idle`, while it runs: when it is over unless somebody uses it, in ms since 1970.",
      }),
    ),
    autoResume: Type.Boolean({ description: "Whether requests to its services wake it when it is paused." }),
    durability: Type.Optional(
      Type.Unsafe<Durability>({
        type: "string",
        enum: [...DURABILITIES],
        description: "`strict`: what its guest has flushed is there after a power loss of the host.",
      }),
    ),
    restartPolicy: Type.Optional(
      Type.Unsafe<RestartPolicy>({
        type: "string",
        enum: [...RESTART_POLICIES],
        description: "When it starts by itself after it ended without having been told to.",
      }),
    ),
    tls: Type.Optional(TlsSchema),
    secrets: Type.Optional(Type.Array(SecretSchema, { description: "Absent where it has none." })),
    pausedAt: Type.Optional(nullable(Type.String({ format: "date-time" }))),
    volumes: Type.Optional(Type.Array(VmVolumeSchema, { description: "Absent where it has none." })),
    bucketMounts: Type.Optional(Type.Array(BucketMountSchema, { description: "Absent where it has none." })),
    attachmentWarnings: Type.Optional(AttachmentWarningsSchema),
  },
  { title: "Vm" },
);
export type Vm = Static<typeof VmSchema>;
