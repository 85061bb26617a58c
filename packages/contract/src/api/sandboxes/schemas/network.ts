/** What a sandbox may reach, and who may reach it. */
import { Type } from "typebox";
import { SecretsSchema, TlsSchema } from "./interception.ts";
import { CLOSED, maybe, oneOf } from "./parts.ts";

const text = () => Type.String({ minLength: 1, maxLength: 512 });
const port = () => Type.Integer({ minimum: 0, maximum: 65_535 });

const DESTINATION_GROUPS = [
  "public",
  "loopback",
  "private",
  "link_local",
  "metadata",
  "multicast",
  "host",
] as const;

const DestinationSchema = Type.Union([
  Type.Literal("any"),
  Type.Object({ cidr: text() }, CLOSED),
  Type.Object({ domain: text() }, CLOSED),
  Type.Object({ domain_suffix: text() }, CLOSED),
  Type.Object({ group: oneOf(DESTINATION_GROUPS) }, CLOSED),
]);

const RuleSchema = Type.Object(
  {
    direction: oneOf(["egress", "ingress", "any"]),
    destination: DestinationSchema,
    protocols: Type.Optional(
      Type.Array(oneOf(["tcp", "udp", "icmpv4", "icmpv6"]), { description: "None: all." }),
    ),
    ports: Type.Optional(
      Type.Array(Type.Object({ start: port(), end: port() }, CLOSED), { description: "None: all." }),
    ),
    action: oneOf(["allow", "deny"]),
  },
  CLOSED,
);

const PolicySchema = Type.Object(
  {
    default_egress: Type.Optional(oneOf(["allow", "deny"], "Default `deny`.")),
    default_ingress: Type.Optional(oneOf(["allow", "deny"], "Default `deny`.")),
    rules: Type.Optional(Type.Array(RuleSchema, { maxItems: 256 })),
  },
  CLOSED,
);

const PublishedPortSchema = Type.Object(
  {
    host_port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    guest_port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    protocol: Type.Optional(oneOf(["tcp", "udp"], "Default `tcp`.")),
    host_bind: Type.Optional(
      Type.String({ maxLength: 64, description: "An address of the host. Default `127.0.0.1`." }),
    ),
  },
  CLOSED,
);

/** A timeout is for each name server. */
const DnsSchema = Type.Object(
  {
    rebind_protection: Type.Optional(
      Type.Boolean({ description: "Whether answers lose addresses that are not public. Default true." }),
    ),
    nameservers: Type.Optional(
      Type.Array(text(), { maxItems: 8, description: "Names or addresses, with or without a port." }),
    ),
    query_timeout_ms: maybe(
      Type.Integer({ minimum: 100, maximum: 30_000, description: "Of each name server." }),
    ),
  },
  CLOSED,
);

const address = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

/** What the guest's own network device is; nobody else sees it. */
const InterfaceSchema = Type.Object(
  {
    mac: maybe(
      Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), {
        minItems: 6,
        maxItems: 6,
        description: "Its six bytes.",
      }),
    ),
    mtu: maybe(Type.Integer({ minimum: 1280, maximum: 1500, description: "Default 1500." })),
    ipv4_address: maybe(address("In place of that which every sandbox sees as its own.")),
    ipv4_pool: maybe(address("A network, of which it has the second address. Default: none.")),
    ipv6_address: maybe(address("In place of that which every sandbox sees as its own.")),
    ipv6_pool: maybe(address("A network, of which it has the second address. Default: none.")),
  },
  CLOSED,
);

export const NetworkSchema = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: "Default true." })),
    strict: Type.Optional(
      Type.Boolean({
        description: "Whether rules by name open HTTPS only where it is intercepted. Default false.",
      }),
    ),
    policy: maybe(PolicySchema),
    interface: maybe(InterfaceSchema),
    ports: Type.Optional(Type.Array(PublishedPortSchema, { maxItems: 64 })),
    dns: maybe(DnsSchema),
    tls: maybe(TlsSchema),
    secrets: maybe(SecretsSchema),
    max_connections: maybe(
      Type.Integer({ minimum: 1, maximum: 65_536, description: "Of TCP, at once. Default: any number." }),
    ),
    trust_host_cas: Type.Optional(Type.Boolean()),
  },
  CLOSED,
);
