/** Warm pools: machines of a template that run before they are asked for. */
import { Type, type Static } from "typebox";
import { CLOSED, instant, maybe, oneOf, orNull, strings } from "./parts.ts";

const CHECKOUT_MODES = ["prefer", "require", "bypass"] as const;
const VERSION_POLICIES = ["pinned_build", "track_tag"] as const;
const POOL_STATES = ["enabled", "disabled", "draining"] as const;
const POOL_CONDITIONS = [
  "no_eligible_hosts",
  "quota_exceeded",
  "template_build_unavailable",
  "launch_failed",
  "drain_active",
  "controller_disabled",
] as const;

/** Each is a machine that runs; hosts have room for hundreds. */
const MAX_READY = 1000;
/** A year. */
const MAX_STALE_SEC = 31_536_000;
/** Clients give up on an answer after a minute. */
const MAX_WAIT_MS = 50_000;

const size = (description: string) => Type.Integer({ minimum: 0, maximum: MAX_READY, description });

const name = Type.String({ minLength: 1, maxLength: 160 });
const minReady = size("How many are kept ready.");
const maxReady = size("More are ended. Default: `min_ready`.");
const checkoutPolicy = oneOf(
  CHECKOUT_MODES,
  "For a create that names the pool and no mode. Default `prefer`.",
);
const versionPolicy = oneOf(
  VERSION_POLICIES,
  "`track_tag`: when the template means another build, ready machines are replaced. Default `pinned_build`.",
);
const stale = Type.Integer({
  minimum: 1,
  maximum: MAX_STALE_SEC,
  description: "Ready machines that are older are replaced. Default: never.",
});

export const CreateWarmPoolBodySchema = Type.Object(
  {
    name,
    template_ref: maybe(Type.String({ minLength: 1, maxLength: 512, description: "Default `base`." })),
    template: maybe(
      Type.String({ minLength: 1, maxLength: 512, description: "The same; `template_ref` wins." }),
    ),
    resources: Type.Optional(
      Type.Object(
        {
          vcpus: maybe(Type.Integer({ minimum: 1, maximum: 64, description: "Default 1." })),
          memory_mb: maybe(
            Type.Integer({
              minimum: 256,
              maximum: 1024 * 1024,
              multipleOf: 2,
              description: "As of a create.",
            }),
          ),
          disk_mb: maybe(Type.Integer({ minimum: 512, maximum: 131_072 })),
        },
        CLOSED,
      ),
    ),
    min_ready: minReady,
    max_ready: maybe(maxReady),
    checkout_policy: maybe(checkoutPolicy),
    version_policy: maybe(versionPolicy),
    stale_after_seconds: maybe(stale),
    labels: maybe(strings("Of the pool.")),
    metadata: maybe(strings("Of the pool.")),
  },
  { ...CLOSED, title: "CreateWarmPoolBody" },
);
export type CreateWarmPoolBody = Static<typeof CreateWarmPoolBodySchema>;

export const UpdateWarmPoolBodySchema = Type.Object(
  {
    name: maybe(name),
    min_ready: maybe(minReady),
    max_ready: maybe(maxReady),
    checkout_policy: maybe(checkoutPolicy),
    version_policy: maybe(versionPolicy),
    stale_after_seconds: maybe(stale),
    labels: maybe(strings("In place of those before.")),
    metadata: maybe(strings("In place of what was before.")),
  },
  { ...CLOSED, title: "UpdateWarmPoolBody" },
);

const count = (description: string) => Type.Integer({ description });

const CountsSchema = Type.Object(
  {
    target: count("How many are to be ready."),
    ready: count("Of the present build, to be had now."),
    warming: count("On their way."),
    claimed: count("That became somebody's, ever."),
    draining: count("That are being ended."),
    failed: count("That could not be started or ended by themselves, ever."),
    expired: count("That were replaced for being stale, ever."),
    unavailable: count("That are missing."),
  },
  { title: "WarmPoolCounts" },
);

export const WarmPoolSchema = Type.Object(
  {
    id: Type.String({ description: "`twp_…`." }),
    name: Type.String(),
    template_ref: Type.String(),
    resolved_template: Type.String(),
    resolved_template_build_id: orNull(Type.String({ description: "null before it was looked at." })),
    previous_resolved_template_build_id: orNull(Type.String()),
    resources: Type.Object({ vcpus: Type.Integer(), memory_mb: Type.Integer(), disk_mb: Type.Integer() }),
    min_ready: Type.Integer(),
    max_ready: Type.Integer(),
    checkout_policy: oneOf(CHECKOUT_MODES),
    version_policy: oneOf(VERSION_POLICIES),
    stale_after_seconds: orNull(Type.Integer()),
    labels: strings("Of the pool."),
    metadata: strings("Of the pool."),
    state: oneOf(POOL_STATES),
    rollout_generation: Type.Integer({ description: "One more with each build that is followed." }),
    counts: CountsSchema,
    conditions: Type.Array(
      Type.Object(
        { code: oneOf(POOL_CONDITIONS), message: orNull(Type.String()) },
        { title: "WarmPoolCondition" },
      ),
      { description: "What keeps it from being full." },
    ),
    created_at: instant("When it was made."),
    updated_at: instant("When it was changed last."),
    enabled_at: orNull(instant("When it was enabled last.")),
    disabled_at: orNull(instant("When it was disabled last.")),
    drain_requested_at: orNull(instant("When it was drained last.")),
    last_reconciled_at: orNull(instant("When it was looked at last.")),
  },
  { title: "WarmPool" },
);
export type WarmPoolView = Static<typeof WarmPoolSchema>;

export const WarmPoolListSchema = Type.Object(
  { warm_pools: Type.Array(WarmPoolSchema) },
  { title: "WarmPoolList" },
);

export const DeletedWarmPoolSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "DeletedWarmPool" },
);

const WAIT = { type: ["integer", "null"], minimum: 0, maximum: MAX_WAIT_MS };

/** Of a create. */
export const WarmPoolOrderSchema = Type.Unsafe<{
  readonly id?: string | null;
  readonly mode?: (typeof CHECKOUT_MODES)[number] | null;
  readonly wait?: number | null;
  readonly wait_ms?: number | null;
} | null>({
  type: ["object", "null"],
  description: "A ready machine of this pool.",
  properties: {
    id: { type: ["string", "null"], description: "The pool; needed but for `bypass`." },
    mode: {
      type: ["string", "null"],
      enum: [...CHECKOUT_MODES, null],
      description:
        "`prefer`: else a cold one; `require`: else `warm_pool_unavailable`; `bypass`: a cold one. Default: the pool's.",
    },
    wait: { ...WAIT, description: "Milliseconds to wait for one that is ready. Default 0." },
    wait_ms: { ...WAIT, description: "The same; `wait` wins." },
  },
  additionalProperties: false,
});

export const CheckoutSchema = Type.Object(
  {
    source: oneOf(["warm_pool", "cold"]),
    hit: Type.Boolean(),
    id: orNull(Type.String({ description: "The pool." })),
    mode: oneOf(CHECKOUT_MODES),
  },
  { title: "WarmPoolCheckout", description: "Of an answer to a create that named a pool." },
);
export type Checkout = Static<typeof CheckoutSchema>;
