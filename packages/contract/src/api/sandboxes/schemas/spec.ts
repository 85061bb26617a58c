/** What a sandbox is to be: the nested form, which the published client sends and answers show. Others become it on their way in. */
import { Type, type Static } from "typebox";
import { MountSchema } from "./mounts.ts";
import { NetworkSchema } from "./network.ts";
import { CLOSED, count, maybe, oneOf, seconds, strings, tagged } from "./parts.ts";
import { PatchSchema } from "./patches.ts";
import { RESOURCES } from "../../../model/root-setup.ts";

const text = (description: string) => Type.String({ maxLength: 4096, description });
const words = (description: string) => Type.Array(Type.String(), { maxItems: 4096, description });

/** A u64, of which JSON carries the largest as a number that is near it: no limit. */
const limit = () => Type.Integer({ minimum: 0, maximum: 2 ** 64 });

/** As everybody has them who says nothing. */
export const DEFAULT_VCPUS = 1;
export const DEFAULT_MEMORY_MIB = 512;

const ImageSchema = tagged([
  Type.Object(
    {
      type: Type.Literal("oci"),
      reference: Type.String({ minLength: 1, maxLength: 512, description: "`base`: the host's base image." }),
      upper_size_mib: maybe(count("Of the disk that is written to.")),
    },
    CLOSED,
  ),
  Type.Object({ type: Type.Literal("bind"), path: text("On the host.") }, CLOSED),
  Type.Object(
    {
      type: Type.Literal("disk_image"),
      path: text("On the host."),
      format: oneOf(["qcow2", "raw", "vmdk"]),
      fstype: maybe(text("Of what is in it.")),
    },
    CLOSED,
  ),
]);

const ResourcesSchema = Type.Object(
  {
    vcpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: "Default 1." })),
    memory_mib: Type.Optional(count("Default 512.", 1)),
    disk_size_mib: maybe(count("Of the disk that is written to.")),
  },
  CLOSED,
);

const RuntimeSchema = Type.Object(
  {
    workdir: maybe(text("Where commands run that say nothing of it. Default `/`.")),
    shell: maybe(text("Default `/bin/sh`.")),
    scripts: Type.Optional(strings("Programs by name.")),
    entrypoint: maybe(words("In place of the image's.")),
    cmd: maybe(words("In place of the image's.")),
    hostname: maybe(Type.String({ maxLength: 64, description: "Default: of the name." })),
    user: maybe(text("Who runs commands that say nothing of it: a name or a number.")),
    log_level: maybe(oneOf(["error", "warn", "info", "debug", "trace"])),
    metrics_sample_interval_ms: maybe(
      Type.Integer({
        minimum: 1000,
        maximum: 3_600_000,
        description: "Null: none are taken. Default: as the host has it, 10 s.",
      }),
    ),
    disable_metrics_sample: Type.Optional(Type.Boolean({ description: "Whatever the interval." })),
  },
  CLOSED,
);

const LifecycleSchema = Type.Object(
  {
    ephemeral: Type.Optional(Type.Boolean({ description: "Whether it goes with its end. Default false." })),
    max_duration_secs: maybe(seconds("How long it may run.")),
    idle_timeout_secs: maybe(seconds("How long it may be idle.")),
  },
  CLOSED,
);

const RegistrySchema = Type.Object(
  {
    mode: oneOf(["auto", "anonymous", "inline", "specific"]),
    username: Type.Optional(text("")),
    password: Type.Optional(text("")),
    credential_id: Type.Optional(text("")),
  },
  CLOSED,
);

export const SandboxSpecSchema = Type.Object(
  {
    name: Type.String({
      description: "1 to 128 letters, digits, `.`, `_`, `-`; unique in the organisation.",
    }),
    image: ImageSchema,
    resources: Type.Optional(ResourcesSchema),
    runtime: Type.Optional(RuntimeSchema),
    env: Type.Optional(
      Type.Array(Type.Object({ key: Type.String(), value: Type.String() }, CLOSED), { maxItems: 4096 }),
    ),
    labels: Type.Optional(strings("For filters.")),
    rlimits: Type.Optional(
      Type.Array(Type.Object({ resource: oneOf(RESOURCES), soft: limit(), hard: limit() }, CLOSED), {
        maxItems: RESOURCES.length,
      }),
    ),
    mounts: Type.Optional(Type.Array(MountSchema, { maxItems: 64 })),
    patches: Type.Optional(Type.Array(PatchSchema, { maxItems: 1024 })),
    network: Type.Optional(NetworkSchema),
    init: maybe(
      Type.Object(
        {
          cmd: Type.String({ minLength: 1, maxLength: 4096, description: "Absolute, or `auto`." }),
          args: Type.Optional(words("")),
          env: Type.Optional(
            Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 2 }), { maxItems: 4096 }),
          ),
        },
        CLOSED,
      ),
    ),
    pull_policy: Type.Optional(oneOf(["if_missing", "always", "never"], "Default `if_missing`.")),
    security_profile: Type.Optional(oneOf(["default", "restricted"])),
    lifecycle: Type.Optional(LifecycleSchema),
    slug: maybe(Type.String({ minLength: 3, maxLength: 63, pattern: "^[a-z0-9]+(-[a-z0-9]+)*$" })),
    registry: maybe(RegistrySchema),
  },
  { ...CLOSED, title: "SandboxSpec" },
);
export type SandboxSpec = Static<typeof SandboxSpecSchema>;
