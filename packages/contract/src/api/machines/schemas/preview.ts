/** Ports of machines by URL: host mapping, signed URLs, targets for a proxy of the customer's, readiness. */
import { Type, type Static } from "typebox";
import { CLOSED, instant, maybe, oneOf, orNull } from "./parts.ts";

const MAX_PORT = 65_535;
const MIN_EXPIRES_SEC = 60;
/** A day. */
const MAX_EXPIRES_SEC = 86_400;
/** Of a URL whose maker says nothing of it: an hour. */
export const DEFAULT_PREVIEW_SEC = 3600;

const KINDS = ["http", "websocket"] as const;
const expires = maybe(
  Type.Integer({
    minimum: MIN_EXPIRES_SEC,
    maximum: MAX_EXPIRES_SEC,
    description: `Default ${DEFAULT_PREVIEW_SEC}.`,
  }),
);
const count = () => Type.Integer({ description: "As far as it is written down, which takes some seconds." });

const PreviewGrantSchema = Type.Object(
  {
    id: Type.String({ description: "`pvg_…`" }),
    machine_id: Type.String({ description: "The machine's first id: a grant outlives pauses." }),
    port: Type.Integer(),
    token_kinds: Type.Array(oneOf(KINDS)),
    token_transport: oneOf(["query", "header"], "In the URL, or in the header of a customer's proxy."),
    principal_kind: Type.Literal("api_key"),
    principal_id: Type.String({ description: "Of the key that made it." }),
    issued_at: instant("When it was made."),
    expires_at: instant("When it ends."),
    revoked_at: orNull(instant("When it was revoked.")),
    disabled_at: orNull(instant("Always null: no operator disables grants.")),
    first_used_at: orNull(instant("By a request that was let in.")),
    last_used_at: orNull(instant("By a request that was let in.")),
    use_count: count(),
    http_request_count: count(),
    websocket_connection_count: count(),
    bytes_in_count: count(),
    bytes_out_count: count(),
    last_error_code: orNull(Type.String({ description: "With which a request was answered last." })),
    last_error_at: orNull(instant("When that was.")),
    created_at: instant("As `issued_at`."),
    updated_at: instant("When anything of it changed."),
  },
  { title: "PreviewGrant" },
);
export type PreviewGrant = Static<typeof PreviewGrantSchema>;

const URLS = {
  url: Type.String({ description: "With the token for HTTP in it." }),
  websocket_url: Type.String({ description: "With the token for WebSockets in it." }),
  path_url: orNull(
    Type.String({
      description: "The same port at the API's own host; null where the host has none by path.",
    }),
  ),
  path_websocket_url: orNull(Type.String()),
  access_token_expires_at: instant("When both tokens end."),
  access_token_transport: Type.Literal("query"),
};

export const GetHostBodySchema = Type.Object(
  {
    port: Type.Integer({
      minimum: 1,
      maximum: MAX_PORT,
      description: "In the machine; not 22, nor 5900 to 5999.",
    }),
  },
  { ...CLOSED, title: "GetHostBody" },
);

export const MachineHostSchema = Type.Object(
  { host: Type.String({ description: "Host name, and port where it is not the usual one." }), ...URLS },
  { title: "MachineHost" },
);

export const SignedPreviewUrlBodySchema = Type.Object(
  { expires_in_seconds: expires },
  { ...CLOSED, title: "SignedPreviewUrlBody" },
);

export const SignedPreviewUrlSchema = Type.Object(
  { grant: PreviewGrantSchema, ...URLS },
  { title: "SignedPreviewUrl" },
);

export const PreviewGrantsQuerySchema = Type.Object({
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PORT, description: "Those of this port." })),
});

export const PreviewGrantListSchema = Type.Object(
  { items: Type.Array(PreviewGrantSchema) },
  { title: "PreviewGrantList" },
);

export const RevokedGrantSchema = Type.Object({ grant: PreviewGrantSchema }, { title: "RevokedGrant" });

export const ProxyTargetBodySchema = Type.Object(
  {
    expires_in_seconds: expires,
    transports: maybe(
      Type.Unsafe<("http" | "websocket")[]>({
        type: "array",
        items: { type: "string", enum: [...KINDS] },
        minItems: 1,
        uniqueItems: true,
        description: "Default: both.",
      }) as ReturnType<typeof Type.Unsafe<("http" | "websocket")[]>> & { type: "string" },
    ),
    token_transport: maybe(oneOf(["header"], "The only one there is.")),
    include_traffic_token_hint: maybe(
      Type.Boolean({ description: "Whether to say which header private traffic needs. Default true." }),
    ),
  },
  { ...CLOSED, title: "ProxyTargetBody" },
);

export const ProxyTargetSchema = Type.Object(
  {
    grant: PreviewGrantSchema,
    port: Type.Integer(),
    token_header_name: Type.String(),
    expires_at: instant("When both tokens end."),
    token_transport: Type.Literal("header"),
    required_forwarded_headers: Type.Array(Type.String(), {
      description: "For the proxy to set: they reach the service as they are sent, and nothing is added.",
    }),
    warnings: Type.Array(Type.String()),
    http_url: orNull(Type.String({ description: "Where to send requests; no secret is in it." })),
    websocket_url: orNull(Type.String()),
    http_token: orNull(Type.String({ description: "For the header of every HTTP request." })),
    websocket_token: orNull(Type.String({ description: "For the header of every WebSocket's request." })),
    traffic_access_required: Type.Boolean(),
    traffic_access_header_name: orNull(Type.String()),
  },
  { title: "PreviewProxyTarget" },
);

export const ReadinessBodySchema = Type.Object(
  {
    kind: oneOf(["tcp", "http"], "Whether a connection is enough, or an answer below 500 is wanted."),
    path: maybe(
      Type.String({ pattern: "^/[\\x21-\\x7e]*$", maxLength: 2048, description: "Of `http`; default `/`." }),
    ),
    timeout_seconds: maybe(Type.Integer({ minimum: 1, maximum: 120, description: "Default 30." })),
    interval_ms: maybe(Type.Integer({ minimum: 100, maximum: 5000, description: "Default 500." })),
  },
  { ...CLOSED, title: "ReadinessBody" },
);

export const ReadinessSchema = Type.Object(
  {
    ready: Type.Boolean(),
    route_ready: Type.Boolean({ description: "The machine runs and its ports can be reached." }),
    service_ready: Type.Boolean({ description: "Somebody listens, and answers where that was asked." }),
    kind: oneOf(["tcp", "http"]),
    code: orNull(Type.String({ description: "`preview_service_not_ready`, or null." })),
    suggested_action: orNull(Type.String()),
  },
  { title: "PreviewReadiness" },
);
