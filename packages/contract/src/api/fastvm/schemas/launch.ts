/** Bodies that create or change a VM. */
import { Type, type Static } from "typebox";
import { MAX_DISK_GIB, MAX_FORK_COUNT, MIN_DISK_GIB } from "../../../limits.ts";
import { ErrorBodySchema } from "./error-body.ts";
import { NullableFirewallInputSchema } from "./firewall.ts";
import { secrets, tls } from "./interception.ts";
import { nullable } from "./nullable.ts";
import { oneOf } from "./one-of.ts";
import { guards } from "./strict.ts";
import { stringMap } from "./string-map.ts";
import { TtlSchema } from "./ttl.ts";
import { IdlePolicySchema, MaxLifeSchema } from "./lifecycle-policy.ts";
import { VmSchema } from "./vm.ts";
import { AttachVolumeBodySchema } from "./volume.ts";
import { AttachBucketMountBodySchema } from "./bucket-mount.ts";
import { DURABILITIES, RESTART_POLICIES } from "../../../model/power.ts";
import { FORK_VOLUMES } from "../../../model/volume.ts";

const name = nullable(Type.String({ description: "Trimmed, white space collapsed, cut to 64 characters." }));
const metadata = nullable(
  stringMap("≤ 256 keys of 1–256 bytes, values ≤ 4096 bytes, ≤ 65536 bytes as JSON."),
);

const autoResume = nullable(
  Type.Boolean({ description: "Whether requests to the VM's services wake it when it is paused." }),
);

const restartPolicy = nullable(
  oneOf(
    RESTART_POLICIES,
    "When it starts by itself: after a power loss, shutdown or failure of its host, or `always` also after its guest powered off; " +
      "never after it was told to stop. Default `never`, or the snapshot's.",
  ),
);

export const LaunchBodySchema = Type.Object(
  {
    machineType: Type.Optional(
      nullable(Type.String({ description: "`c{vCPUs}m{GiB}`; exactly one of this and `snapshotId`." })),
    ),
    snapshotId: Type.Optional(
      nullable(Type.String({ description: "Id, unique id prefix or unique name of a ready snapshot." })),
    ),
    image: Type.Optional(
      nullable(
        Type.String({
          description:
            "With `machineType`: an image that the host keeps, by reference or digest. Default: the base image.",
        }),
      ),
    ),
    name: Type.Optional(name),
    diskGiB: Type.Optional(
      nullable(
        Type.Integer({
          minimum: MIN_DISK_GIB,
          maximum: MAX_DISK_GIB,
          description: "Default 10, or the snapshot's; never smaller than the snapshot's.",
        }),
      ),
    ),
    metadata: Type.Optional(metadata),
    envVars: Type.Optional(
      nullable(stringMap("Names of letters, digits and `_`; values without line breaks; ≤ 65536 bytes.")),
    ),
    ttl: Type.Optional(nullable(TtlSchema)),
    maxLife: Type.Optional(nullable(MaxLifeSchema)),
    idle: Type.Optional(nullable(IdlePolicySchema)),
    autoResume: Type.Optional(autoResume),
    durability: Type.Optional(
      nullable(
        oneOf(
          DURABILITIES,
          "Of its disk. `strict`: what its guest has flushed is there after a power loss of the host, at the price of real flushes. " +
            "Default: `strict` with a restart policy, otherwise `relaxed`, or the snapshot's.",
        ),
      ),
    ),
    restartPolicy: Type.Optional(restartPolicy),
    firewall: Type.Optional(NullableFirewallInputSchema),
    tls: Type.Optional(tls),
    secrets: Type.Optional(secrets),
    volumes: Type.Optional(
      nullable(
        Type.Array(AttachVolumeBodySchema, {
          description: "What it mounts, at most 8; of a snapshot in place of all that it had mounted.",
        }),
      ),
    ),
    bucketMounts: Type.Optional(
      nullable(
        Type.Array(AttachBucketMountBodySchema, {
          description: "Buckets that it mounts; of a snapshot in place of those that it had mounted.",
        }),
      ),
    ),
  },
  { ...guards("firewall", "ttl", "maxLife", "idle", "tls", "secrets"), title: "LaunchBody" },
);
export type LaunchBody = Static<typeof LaunchBodySchema>;

export const UpdateVmBodySchema = Type.Object(
  {
    name: Type.Optional(name),
    metadata: Type.Optional(metadata),
    ttl: Type.Optional(nullable(TtlSchema)),
    maxLife: Type.Optional(nullable(MaxLifeSchema)),
    idle: Type.Optional(nullable(IdlePolicySchema)),
    autoResume: Type.Optional(autoResume),
    restartPolicy: Type.Optional(restartPolicy),
    tls: Type.Optional(tls),
    secrets: Type.Optional(secrets),
  },
  { ...guards("ttl", "maxLife", "idle", "tls", "secrets"), title: "UpdateVmBody" },
);
export type UpdateVmBody = Static<typeof UpdateVmBodySchema>;

export const ForkBodySchema = Type.Object(
  {
    count: Type.Optional(
      nullable(Type.Integer({ minimum: 1, maximum: MAX_FORK_COUNT, description: "Children; default 1." })),
    ),
    names: Type.Optional(
      nullable(
        Type.Array(Type.String(), {
          maxItems: MAX_FORK_COUNT,
          description: "Names of the first children; the others get default names.",
        }),
      ),
    ),
    metadata: Type.Optional(metadata),
    firewall: Type.Optional(NullableFirewallInputSchema),
    volumes: Type.Optional(
      nullable(
        oneOf(
          FORK_VOLUMES,
          "What children have of the source's volumes: the same (default), the same to read, " +
            "nothing, or copies that are volumes of their own.",
        ),
      ),
    ),
  },
  { ...guards("firewall"), title: "ForkBody" },
);
export type ForkBody = Static<typeof ForkBodySchema>;

const ForkChildSchema = Type.Object(
  { vm: Type.Optional(VmSchema), error: Type.Optional(ErrorBodySchema) },
  { title: "ForkChild", description: "Exactly one of `vm` (it runs) and `error` (nothing of it is left)." },
);

export const ForkResultSchema = Type.Object(
  {
    children: Type.Array(ForkChildSchema, { description: "One per child, in order." }),
    pauseMs: Type.Number({ description: "How long the source stood still." }),
    dirtyBytes: Type.Integer({ description: "Memory that was copied." }),
    tracking: Type.Optional(
      Type.Union([Type.Literal("writes"), Type.Literal("none")], {
        description:
          "How it was known what to copy. `writes`: what was written since the last capture or restore; `none`: all that is its own.",
      }),
    ),
    durationMs: Type.Number({ description: "From the request to the last child's answer." }),
  },
  { title: "ForkResult" },
);
