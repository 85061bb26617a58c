/** What a machine may reach, and who may reach it. Unknown keys are refused: a slip of the pen may have been meant to close something. */
import { Type, type Static } from "typebox";
import { CLOSED, maybe, oneOf } from "./parts.ts";

/** Networks of one list; the engine has as many rules in one direction. */
const MAX_NETWORKS = 256;
/** What the host's shaping can express: 100 Gbit and 100 million packets a second. */
const MAX_RATE = 100_000_000;
const MAX_BURST = 10_000_000;
/** Of a DNS name, and a port. */
const MAX_HOST = 300;

const networks = (description: string) =>
  maybe(
    Type.Unsafe<string[]>({
      type: "array",
      items: { type: "string" },
      maxItems: MAX_NETWORKS,
      description,
    }) as ReturnType<typeof Type.Unsafe<string[]>> & { type: "string" },
  );
const rate = (maximum: number, description: string) =>
  maybe(Type.Integer({ minimum: 1, maximum, description }));

const RateLimitSchema = Type.Object(
  {
    kbit_per_sec: rate(MAX_RATE, "One of this and `pps`."),
    pps: rate(MAX_RATE, "Packets per second."),
    burst: rate(MAX_BURST, "In the unit of the rate."),
  },
  { ...CLOSED, description: "Best-effort shaping of what goes out, no quota." },
);

const EGRESS_MODES = ["allow_all", "deny_all", "custom"] as const;

const EgressSchema = Type.Object(
  {
    mode: oneOf(EGRESS_MODES, "`deny_all`: nothing goes out, whatever else is said."),
    allow_cidrs: networks("IPv4 networks; with any, all else is denied."),
    deny_cidrs: networks("IPv4 networks; they win over `allow_cidrs`."),
    rate_limit: maybe(RateLimitSchema),
  },
  { ...CLOSED, title: "EgressPolicy", description: "Networks go with `custom`." },
);
export type EgressBody = Static<typeof EgressSchema>;

export const MachineNetworkSchema = Type.Object(
  {
    egress: maybe(EgressSchema),
    deny_out: networks("The older form: IPv4 networks that are denied."),
    allow_out: networks(
      "The older form: IPv4 networks that are let out all the same; alone, nothing else is.",
    ),
    allow_public_traffic: maybe(
      Type.Boolean({
        description:
          "Default true. False: requests to its ports need `traffic_access_token` in a header beside any other token.",
      }),
    ),
    mask_request_host: maybe(
      Type.String({
        minLength: 1,
        maxLength: MAX_HOST,
        pattern: "^[A-Za-z0-9._\\-]+(:(\\d{1,5}|\\$\\{PORT\\}))?$",
        description: "The `Host` that services see, such as `localhost:${PORT}`.",
      }),
    ),
  },
  { ...CLOSED, title: "MachineNetwork" },
);

export const UpdateEgressBodySchema = Type.Object(
  { egress: EgressSchema },
  { ...CLOSED, title: "UpdateEgressBody" },
);

export const EgressAnswerSchema = Type.Object(
  { machine_id: Type.String(), egress: EgressSchema },
  { title: "EgressAnswer" },
);
