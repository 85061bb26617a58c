/** Interception of TLS, and secrets, as both generations of clients write them: their words differ, and aliases are theirs. */
import { Type } from "typebox";
import { CLOSED, count, maybe, oneOf } from "./parts.ts";

const text = () => Type.String({ minLength: 1, maxLength: 512 });
const MAX_PEM_CHARS = 65_536;
const pem = () => Type.String({ minLength: 1, maxLength: MAX_PEM_CHARS, description: "PEM." });
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

const ScopedAuthoritiesSchema = Type.Array(
  Type.Object({ pattern: text(), path: pem() }, { ...CLOSED, description: "`path` is PEM too." }),
);

/** Of the authority that guests trust: it is the organisation's here, so nothing may be in it. */
const InterceptCaSchema = Type.Object({ cert_path: maybe(text()), key_path: maybe(text()) }, CLOSED);

export const TlsSchema = Type.Object(
  {
    enabled: flag("Default: whether there are secrets."),
    intercepted_ports: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: 65_535 }), { description: "Default 443." }),
    ),
    bypass: Type.Optional(Type.Array(text(), { description: "Names, and `*.` and a name." })),
    verify_upstream: flag("Default true."),
    block_quic_on_intercept: flag("Default true."),
    upstream_ca_cert: Type.Optional(Type.Array(pem())),
    scoped_upstream_ca_cert: Type.Optional(ScopedAuthoritiesSchema),
    scoped_upstream_ca_certs: Type.Optional(ScopedAuthoritiesSchema),
    scoped_verify_upstream: Type.Optional(
      Type.Array(Type.Object({ pattern: text(), verify: Type.Boolean() }, CLOSED)),
    ),
    intercept_ca: maybe(InterceptCaSchema),
    ca: maybe(InterceptCaSchema),
    cache: Type.Optional(
      Type.Object(
        {
          capacity: Type.Optional(count("Default 1000.")),
          validity_hours: Type.Optional(count("Default 24.")),
        },
        CLOSED,
      ),
    ),
  },
  CLOSED,
);

const HostSchema = Type.Union([
  Type.Object({ type: oneOf(["exact", "wildcard"]), value: text() }, CLOSED),
  Type.Object({ type: Type.Literal("any") }, CLOSED),
  Type.Object({ exact: text() }, CLOSED),
  Type.Object({ wildcard: text() }, CLOSED),
  Type.Literal("any"),
]);

const ACTIONS = ["block", "block_and_log", "block_and_terminate"] as const;
const KEBAB_ACTIONS = ["block", "block-and-log", "block-and-terminate"] as const;

const ViolationSchema = Type.Union([
  Type.Object({ type: oneOf(ACTIONS) }, CLOSED),
  Type.Object({ type: Type.Literal("passthrough"), hosts: Type.Array(HostSchema) }, CLOSED),
  Type.Object({ passthrough: Type.Array(HostSchema) }, CLOSED),
  oneOf(KEBAB_ACTIONS),
  Type.Null(),
]);

const SecretEntrySchema = Type.Object(
  {
    env_var: Type.String({ maxLength: 256, description: "It has the placeholder in the guest." }),
    value: Type.Optional(Type.String({ description: "Empty in answers." })),
    source: Type.Optional(Type.Unsafe<unknown>({})),
    placeholder: maybe(Type.String({ description: "Default `$MSB_` and `env_var`." })),
    allowed_hosts: Type.Array(HostSchema),
    injection: Type.Optional(
      Type.Object(
        {
          headers: flag("Default true."),
          basic_auth: flag("Default true."),
          query_params: flag("Default false."),
          body: flag("Default false."),
        },
        CLOSED,
      ),
    ),
    on_violation: Type.Optional(ViolationSchema),
    require_tls_identity: flag("Default true."),
  },
  CLOSED,
);

export const SecretsSchema = Type.Object(
  {
    entries: Type.Optional(Type.Array(SecretEntrySchema)),
    secrets: Type.Optional(Type.Array(SecretEntrySchema)),
    on_violation: Type.Optional(ViolationSchema),
  },
  CLOSED,
);
