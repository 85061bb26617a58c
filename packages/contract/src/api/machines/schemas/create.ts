/** Bodies that make and change machines. */
import { Type, type Static } from "typebox";
import { MAX_TIMEOUT_SEC } from "../../../limits.ts";
import { CLOSED, maybe, oneOf, strings } from "./parts.ts";
import { WarmPoolOrderSchema } from "./warm-pools.ts";
import { TIMEOUT_ACTIONS } from "./machine.ts";
import { MachineNetworkSchema } from "./network.ts";
import { MachineMountsSchema } from "./volumes.ts";

/** A machine that nobody speaks of any more should not stay; the examples of every client ask for this or more. */
export const DEFAULT_TIMEOUT_MS = 300_000;
/** A year. */
const MAX_TIMEOUT_MS = MAX_TIMEOUT_SEC * 1000;

/** Below it no kernel with a system boots. */
const MIN_MEMORY_MB = 256;
const MAX_MEMORY_MB = 1024 * 1024;
const MAX_VCPUS = 64;

const duration = (description: string) => Type.Integer({ minimum: 1, maximum: MAX_TIMEOUT_MS, description });

export const CreateMachineBodySchema = Type.Object(
  {
    template: maybe(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description:
          "`base`, the default; a template of yours as `name`, `name:tag` or `tpl_…`; or an image that the host keeps.",
      }),
    ),
    snapshot_id: maybe(Type.String({ description: "A reusable snapshot, which says what the machine is." })),
    vcpus: maybe(
      Type.Integer({
        minimum: 1,
        maximum: MAX_VCPUS,
        description: "Default 1; of a template, as it was built.",
      }),
    ),
    memory_mb: maybe(
      Type.Integer({
        minimum: MIN_MEMORY_MB,
        maximum: MAX_MEMORY_MB,
        multipleOf: 2,
        description:
          "Default 256, and 2048 for `code-interpreter` and `desktop`; of a template, as it was built.",
      }),
    ),
    disk_mb: maybe(
      Type.Integer({
        minimum: 512,
        maximum: 131_072,
        description: "At least this much; rounded up to whole GiB.",
      }),
    ),
    timeout_ms: maybe(duration(`Default ${DEFAULT_TIMEOUT_MS}; rounded up to whole seconds.`)),
    timeout_action: maybe(oneOf(TIMEOUT_ACTIONS, "Default `destroy`.")),
    inactivity_timeout_ms: maybe(
      duration("How long it may be idle before the timeout's action; default: for ever."),
    ),
    auto_delete_after_ms: maybe(
      duration("How long it may be paused before it is destroyed; default: for ever."),
    ),
    ephemeral: maybe(
      Type.Boolean({ description: "Destroyed where another would be paused. Default false." }),
    ),
    auto_resume: maybe(
      Type.Boolean({
        description: "Whether requests to its ports wake it; needs the action `hibernate`. Default false.",
      }),
    ),
    volumes: maybe(MachineMountsSchema),
    network: maybe(MachineNetworkSchema),
    internet_access: maybe(
      Type.Boolean({
        description: "The older form: false is the egress mode `deny_all`, and nothing reopens it.",
      }),
    ),
    warm_pool: Type.Optional(WarmPoolOrderSchema),
    envs: maybe(strings("Variables of every command in it.")),
    metadata: maybe(strings("For filters; kept as it is.")),
    cwd: maybe(
      Type.String({ minLength: 1, maxLength: 4096, description: "Absolute. Default `/workspace`." }),
    ),
  },
  { ...CLOSED, title: "CreateMachineBody" },
);
export type CreateMachineBody = Static<typeof CreateMachineBodySchema>;

export const SetTimeoutBodySchema = Type.Object(
  {
    timeout_ms: duration("From now on; rounded up to whole seconds."),
    timeout_action: maybe(oneOf(TIMEOUT_ACTIONS, "Default: as it is.")),
  },
  { ...CLOSED, title: "SetTimeoutBody" },
);

/** Of orders that say all in their path. */
export const EmptyBodySchema = Type.Object({}, { ...CLOSED, title: "EmptyBody" });
