/** A machine, in full and by some of its fields, and lists of them. */
import { Type, type Static } from "typebox";
import { instant, oneOf, orNull } from "./parts.ts";
import { MachineAttachmentSchema } from "./volumes.ts";
import { CheckoutSchema } from "./warm-pools.ts";

export const MACHINE_STATES = ["creating", "running", "paused", "destroyed", "error"] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

export const TIMEOUT_ACTIONS = ["destroy", "hibernate"] as const;

/** A name in metadata that is ours. */
export const VOLUME_ATTACHMENTS = "volume_attachments";

const integer = (description: string) => Type.Integer({ description });

/** To programs it is what was given, strings; what it has of volumes stands beside them, under a name that nobody can give. */
const METADATA = Type.Unsafe<Record<string, string>>(
  Type.Object(
    {
      [VOLUME_ATTACHMENTS]: Type.Optional(
        Type.Array(MachineAttachmentSchema, {
          description: "Its volumes, in the order in which they were asked for; absent where it has none.",
        }),
      ),
    },
    { additionalProperties: { type: "string" }, description: "As it was given." },
  ),
);

/** Of every answer about a machine. */
const FIELDS = {
  id: Type.String({
    description:
      "`mch_…`, of the present execution. Those of earlier executions of the machine lead here too.",
  }),
  status: oneOf(MACHINE_STATES),
  config: Type.Object({
    vcpus: integer("Virtual processors."),
    memory_mb: integer("Memory, in MiB."),
    disk_mb: integer("Root disk, in MiB."),
  }),
  template: Type.String({ description: "What it was made from: `base`, or an image." }),
  metadata: METADATA,
  created_at: instant("When it was made."),
  started_at: orNull(instant("When the present execution began to run.")),
  timeout_ms: orNull(integer("The length of the timeout; null where there is none.")),
  timeout_at: orNull(instant("When the timeout ends; null while it does not run.")),
  expires_at: orNull(instant("The same as `timeout_at`.")),
  timeout_action: orNull(oneOf(TIMEOUT_ACTIONS, "What then becomes of it.")),
  cwd: Type.String({ description: "Where commands run that say nothing of it." }),
  traffic_access_token: orNull(
    Type.String({
      description: "Of one whose traffic is private. Told when the machine is made, and never again.",
    }),
  ),
  snapshot_id: orNull(
    Type.String({ description: "Of its pause, to be resumed by; null while it is not paused." }),
  ),
};

export const MachineSchema = Type.Object(
  {
    ...FIELDS,
    status_reason: orNull(Type.String({ description: "Why it is in error, or waits." })),
    remaining_ms: orNull(integer("What is left of the timeout at the moment of the answer, never below 0.")),
    last_active_at: orNull(instant("When it was last used from outside.")),
    inactivity_timeout_ms: orNull(integer("How long it may be idle.")),
    auto_delete_after_ms: orNull(integer("How long it may be paused.")),
    auto_resume: Type.Boolean({ description: "Whether requests to its ports wake it." }),
    allow_public_traffic: Type.Boolean({
      description: "Whether requests to its ports need no `traffic_access_token`.",
    }),
    warm_pool_checkout: Type.Optional(CheckoutSchema),
    ephemeral: Type.Boolean({ description: "Whether it is destroyed where another would be paused." }),
  },
  { title: "Machine" },
);
export type Machine = Static<typeof MachineSchema>;

/** What `fields` may name. */
export const MACHINE_MASK = Object.keys(FIELDS) as readonly (keyof typeof FIELDS)[];

export const MaskedMachineSchema = Type.Partial(Type.Object(FIELDS), {
  title: "MaskedMachine",
  description: "The fields that `fields` names, and no others.",
});

const MachinePageSchema = Type.Object(
  {
    machines: Type.Array(Type.Union([MachineSchema, MaskedMachineSchema])),
    next_token: orNull(Type.String({ description: "For the next page; null on the last." })),
  },
  { title: "MachinePage" },
);

/** Without a filter, a page or a mask: the bare list. */
export const MachineListSchema = Type.Union([Type.Array(MachineSchema), MachinePageSchema]);

export const DestroyedSchema = Type.Object(
  { id: Type.String(), status: Type.Literal("destroyed") },
  { title: "Destroyed" },
);

export const LeaseSchema = Type.Object(
  {
    timeout_ms: integer("Its length. Whole seconds: what was asked for is rounded up."),
    timeout_action: oneOf(TIMEOUT_ACTIONS),
    timeout_at: orNull(instant("When it ends; null while the machine does not run.")),
    remaining_ms: integer("What is left of it, never below 0."),
  },
  { title: "Lease" },
);
