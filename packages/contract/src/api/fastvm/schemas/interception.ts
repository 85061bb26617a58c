/** Interception of TLS, and secrets: an extension. Nothing in answers has a value. */
import { Type, type Static } from "typebox";
import { ON_VIOLATION, type OnViolation } from "../../../model/interception.ts";
import { nullable } from "./nullable.ts";
import { oneOf } from "./one-of.ts";
import { STRICT } from "./strict.ts";

const hosts = (description: string) =>
  Type.Array(Type.String(), {
    description: `${description} Names in lower case, \`*.\` and a name for one or more labels before it, \`*\` for any.`,
  });

const InjectionSchema = Type.Object(
  {
    headers: Type.Optional(Type.Boolean({ description: "Default true." })),
    basicAuth: Type.Optional(Type.Boolean({ description: "Within `Authorization: Basic`. Default true." })),
    query: Type.Optional(Type.Boolean({ description: "Default false." })),
    body: Type.Optional(
      Type.Boolean({
        description: "Over HTTP/1.1, up to 16 MiB with a length, not compressed. Default false.",
      }),
    ),
  },
  STRICT,
);

const SecretInputSchema = Type.Object(
  {
    name: Type.String({
      description: "Of the variable that has the placeholder in the guest from its next start on.",
    }),
    value: Type.Optional(
      nullable(
        Type.String({ description: "1–65536 bytes. Left out: the one that it has.", writeOnly: true }),
      ),
    ),
    placeholder: Type.Optional(
      nullable(Type.String({ description: "1–1024 bytes. Default `__FASTVM_SECRET_<name>__`." })),
    ),
    hosts: hosts("To whom it goes, at least one."),
    injection: Type.Optional(nullable(InjectionSchema)),
    onViolation: Type.Optional(
      nullable(
        oneOf(
          ON_VIOLATION,
          "What becomes of a request with the placeholder to anybody else: it is refused; " +
            "and told of as an event (default); and the VM is stopped.",
        ),
      ),
    ),
    passthroughHosts: Type.Optional(nullable(hosts("Who gets the placeholder as it is."))),
    requireTls: Type.Optional(nullable(Type.Boolean({ description: "Not over plain HTTP. Default true." }))),
  },
  { ...STRICT, title: "SecretInput" },
);
export type SecretInput = Static<typeof SecretInputSchema>;

const ScopedCaSchema = Type.Object(
  { host: Type.String(), certificates: Type.String({ description: "PEM." }) },
  { ...STRICT, title: "ScopedUpstreamCa" },
);
const ScopedVerifySchema = Type.Object(
  { host: Type.String(), verify: Type.Boolean() },
  { ...STRICT, title: "ScopedVerifyUpstream" },
);
const CacheSchema = Type.Object(
  {
    capacity: Type.Integer({ description: "Default 1000." }),
    validityHours: Type.Integer({ description: "Default 24." }),
  },
  { ...STRICT, title: "TlsCache" },
);

const TlsInputSchema = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: "Default true; false turns it off." })),
    ports: Type.Optional(Type.Array(Type.Integer(), { description: "TCP ports. Default 443." })),
    bypass: Type.Optional(hosts("Whose connections are not looked into.")),
    verifyUpstream: Type.Optional(Type.Boolean({ description: "Default true." })),
    blockQuic: Type.Optional(Type.Boolean({ description: "Refuses UDP to these ports. Default true." })),
    upstreamCa: Type.Optional(
      Type.Array(Type.String(), {
        description: "Authorities of servers besides those that everybody knows; PEM.",
      }),
    ),
    scopedUpstreamCa: Type.Optional(Type.Array(ScopedCaSchema)),
    scopedVerifyUpstream: Type.Optional(Type.Array(ScopedVerifySchema)),
    cache: Type.Optional(CacheSchema),
  },
  STRICT,
);
export type TlsInput = Static<typeof TlsInputSchema>;

export const TlsSchema = Type.Object(
  {
    ports: Type.Array(Type.Integer()),
    bypass: Type.Array(Type.String()),
    verifyUpstream: Type.Boolean(),
    blockQuic: Type.Boolean(),
    upstreamCa: Type.Array(Type.String()),
    scopedUpstreamCa: Type.Array(ScopedCaSchema),
    scopedVerifyUpstream: Type.Array(ScopedVerifySchema),
    cache: CacheSchema,
  },
  { title: "Tls", description: "How its connections are intercepted; absent where they are not." },
);
export type Tls = Static<typeof TlsSchema>;

export const SecretSchema = Type.Object(
  {
    name: Type.String(),
    placeholder: Type.String(),
    hosts: Type.Array(Type.String()),
    injection: Type.Object({
      headers: Type.Boolean(),
      basicAuth: Type.Boolean(),
      query: Type.Boolean(),
      body: Type.Boolean(),
    }),
    onViolation: Type.Unsafe<OnViolation>({ type: "string", enum: [...ON_VIOLATION] }),
    passthroughHosts: Type.Array(Type.String()),
    requireTls: Type.Boolean(),
  },
  { title: "Secret", description: "All of it but its value, which nothing shows." },
);
export type Secret = Static<typeof SecretSchema>;

export const tls = nullable(TlsInputSchema);
export const secrets = nullable(
  Type.Array(SecretInputSchema, { description: "All that it has from then on, at most 100." }),
);
