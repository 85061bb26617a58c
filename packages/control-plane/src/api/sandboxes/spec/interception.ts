/**
 * What a specification says of interception and secrets, as the engine's order; both generations of words mean the same. Guests trust
 * their organisation's authority, so one of a client's own is refused, and so is what would be read from the host: files and variables.
 */
import { FastvmError, type SandboxSpec } from "@fastvm/contract";
import { checkInterception, type GivenInterception } from "../../../engine/engine.ts";
import { invalid } from "./invalid.ts";

type Network = NonNullable<SandboxSpec["network"]>;
type TlsDocument = NonNullable<Network["tls"]>;
type SecretsDocument = NonNullable<Network["secrets"]>;
type SecretEntry = NonNullable<SecretsDocument["entries"]>[number];
type HostDocument = SecretEntry["allowed_hosts"][number];
type Violation = SecretEntry["on_violation"];
type GivenTls = NonNullable<GivenInterception["tls"]>;
type GivenSecret = NonNullable<GivenInterception["secrets"]>[number];

const TLS = "network.tls";
const SECRETS = "network.secrets";
const ANY = "*";
const PEM = "-----BEGIN CERTIFICATE-----";

/** `undefined`: nothing is intercepted. A secret without a value is one that has it elsewhere. */
export function interceptionOf({ network }: SandboxSpec): GivenInterception | undefined {
  const tls = network?.tls ?? undefined;
  if (tls !== undefined) refuseOwnAuthority(tls);
  const { list, entries } = entriesOf(network?.secrets);
  if (tls?.enabled !== true && entries.length === 0) return undefined;
  if (tls?.enabled === false) throw invalid(`${TLS}.enabled`, "is false, and secrets go nowhere without it");
  const fallback = network?.secrets?.on_violation;
  const given: GivenInterception = {
    tls: tls === undefined ? { enabled: true } : tlsOf(tls),
    secrets: entries.map((entry) => secretOf(entry, entry.on_violation ?? fallback)),
  };
  inWordsOfTheApi(list, () => checkInterception(given));
  return given;
}

/** Of an order that is new: each secret has its value in it, and nothing else to take it from. */
export function checkSecretValues({ network }: SandboxSpec): void {
  const { list, entries } = entriesOf(network?.secrets);
  for (const [index, { value, source }] of entries.entries()) {
    const at = `${SECRETS}.${list}.${index}`;
    if ((source ?? undefined) !== undefined)
      throw invalid(`${at}.source`, "is not supported by this server: give the value itself");
    if (value === undefined || value === "") throw invalid(`${at}.value`, "must not be empty");
  }
}

/** As it is kept and answered. Clients read a specification in which each secret has a value, though an empty one. */
export function withoutValues(spec: SandboxSpec): SandboxSpec {
  const { network } = spec;
  const { list, entries } = entriesOf(network?.secrets);
  if (entries.length === 0) return spec;
  const secrets = { ...network?.secrets, [list]: entries.map((entry) => ({ ...entry, value: "" })) };
  return { ...spec, network: { ...network, secrets } };
}

function entriesOf(secrets: Network["secrets"]): {
  readonly list: "entries" | "secrets";
  readonly entries: readonly SecretEntry[];
} {
  const { entries = [], secrets: older = [] } = secrets ?? {};
  if (entries.length > 0 && older.length > 0)
    throw invalid(`${SECRETS}.secrets`, "is another name of entries: give one of them");
  return older.length > 0 ? { list: "secrets", entries: older } : { list: "entries", entries };
}

function refuseOwnAuthority({ ca, intercept_ca: own }: TlsDocument): void {
  for (const [name, authority] of Object.entries({ ca, intercept_ca: own })) {
    const given = [authority?.cert_path, authority?.key_path].filter(
      (path) => (path ?? undefined) !== undefined,
    );
    if (given.length > 0)
      throw invalid(`${TLS}.${name}`, "is not supported by this server: it has an authority of its own");
  }
}

function tlsOf(tls: TlsDocument): GivenTls {
  const scoped = [...(tls.scoped_upstream_ca_cert ?? []), ...(tls.scoped_upstream_ca_certs ?? [])];
  const given = {
    ports: tls.intercepted_ports,
    bypass: tls.bypass?.map(lower),
    verifyUpstream: tls.verify_upstream,
    blockQuic: tls.block_quic_on_intercept,
    upstreamAuthorities: tls.upstream_ca_cert?.map((text, index) => pemOf(text, `upstream_ca_cert.${index}`)),
    scopedAuthorities: scoped.map(({ pattern, path }, index) => ({
      host: lower(pattern),
      certificates: pemOf(path, `scoped_upstream_ca_cert.${index}.path`),
    })),
    scopedVerification: tls.scoped_verify_upstream?.map(({ pattern, verify }) => ({
      host: lower(pattern),
      verify,
    })),
    cache: tls.cache && {
      capacity: tls.cache.capacity ?? DEFAULT_CACHE.capacity,
      validityHours: tls.cache.validity_hours ?? DEFAULT_CACHE.validityHours,
    },
  };
  return {
    enabled: true,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

const DEFAULT_CACHE = { capacity: 1000, validityHours: 24 };

/** The local client names a file, which would be one of our host's. */
function pemOf(text: string, field: string): string {
  if (text.includes(PEM)) return text;
  throw invalid(`${TLS}.${field}`, "must be a certificate in PEM: this server reads no files of its host");
}

function secretOf(entry: SecretEntry, violation: Violation): GivenSecret {
  const { env_var: name, value, injection } = entry;
  const { action, passthroughHosts } = violationOf(violation);
  return {
    name,
    ...(value !== undefined && value !== "" && { value }),
    placeholder: entry.placeholder ?? `$MSB_${name}`,
    hosts: entry.allowed_hosts.flatMap(hostOf),
    injection: {
      headers: injection?.headers ?? true,
      basicAuth: injection?.basic_auth ?? true,
      query: injection?.query_params ?? false,
      body: injection?.body ?? false,
    },
    ...(action !== undefined && { onViolation: action }),
    passthroughHosts,
    requireTls: entry.require_tls_identity ?? true,
  };
}

/** What is passed through to some hosts is blocked, and told of, for all others. */
function violationOf(violation: Violation): {
  readonly action?: NonNullable<GivenSecret["onViolation"]>;
  readonly passthroughHosts: readonly string[];
} {
  if (violation === undefined || violation === null) return { passthroughHosts: [] };
  if (typeof violation === "string") return { action: ACTIONS[violation], passthroughHosts: [] };
  if ("passthrough" in violation) return { passthroughHosts: violation.passthrough.flatMap(hostOf) };
  if ("hosts" in violation) return { passthroughHosts: violation.hosts.flatMap(hostOf) };
  return { action: violation.type, passthroughHosts: [] };
}

const ACTIONS = {
  block: "block",
  "block-and-log": "block_and_log",
  "block-and-terminate": "block_and_terminate",
} as const;

/** A wildcard is the name itself too, which the engine's is not. */
function hostOf(host: HostDocument): readonly string[] {
  if (host === "any") return [ANY];
  if ("exact" in host) return [lower(host.exact)];
  if ("wildcard" in host) return wildcard(host.wildcard);
  if (!("value" in host)) return [ANY];
  return host.type === "exact" ? [lower(host.value)] : wildcard(host.value);
}

function wildcard(pattern: string): readonly string[] {
  const name = lower(pattern);
  return name.startsWith("*.") ? [name.slice(2), name] : [name];
}

function lower(name: string): string {
  return name.toLowerCase();
}

/** Of the engine's fields, which its errors name. */
const FIELDS: Readonly<Record<string, string>> = {
  "tls.ports": `${TLS}.intercepted_ports`,
  "tls.bypass": `${TLS}.bypass`,
  "tls.upstreamAuthorities": `${TLS}.upstream_ca_cert`,
  "tls.scopedAuthorities": `${TLS}.scoped_upstream_ca_cert`,
  "tls.cache.capacity": `${TLS}.cache.capacity`,
  "tls.cache.validityHours": `${TLS}.cache.validity_hours`,
};
const SECRET_FIELDS: Readonly<Record<string, string>> = {
  name: "env_var",
  hosts: "allowed_hosts",
  passthroughHosts: "on_violation",
};

function inWordsOfTheApi(list: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof FastvmError) || error.field === undefined) throw error;
    const field = fieldOf(error.field, list);
    const { detail = "" } = error;
    throw invalid(field, `is refused: ${detail.slice(detail.indexOf(": ") + 2)}`);
  }
}

function fieldOf(field: string, list: string): string {
  const secret = /^secrets\[(\d+)\]\.(\w+)$/.exec(field);
  if (secret === null) return FIELDS[field] ?? `${SECRETS}.${list}`;
  const [, index = "", name = ""] = secret;
  return `${SECRETS}.${list}.${index}.${SECRET_FIELDS[name] ?? name}`;
}
