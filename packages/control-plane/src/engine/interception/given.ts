/** An order to intercept a VM's connections, as an API gives it: checked here, and what is left out filled in. */
import { X509Certificate } from "node:crypto";
import {
  FastvmError,
  MAX_SEALED_VALUE_BYTES,
  type SecretInjection,
  type TlsSettings,
} from "@fastvm/contract";
import { isHostName } from "@fastvm/egress-proxy";
import type { GivenSecret } from "./secrets.ts";

/** What is left out of `tls` has its default; `secrets` left out: as they were. */
export interface GivenInterception {
  readonly tls?: Partial<TlsSettings> & { readonly enabled?: boolean };
  readonly secrets?: readonly OpenSecret[];
}

/** What is left out has its default. */
type OpenSecret = Pick<GivenSecret, "name" | "value" | "hosts"> &
  Partial<Omit<GivenSecret, "name" | "value" | "hosts" | "injection">> & {
    readonly injection?: Partial<SecretInjection>;
  };

export const DEFAULT_TLS: TlsSettings = {
  ports: [443],
  bypass: [],
  verifyUpstream: true,
  blockQuic: true,
  upstreamAuthorities: [],
  scopedAuthorities: [],
  scopedVerification: [],
  cache: { capacity: 1000, validityHours: 24 },
};

const DEFAULT_INJECTION: SecretInjection = { headers: true, basicAuth: true, query: false, body: false };
/** Each is looked for in every byte that its VM sends. */
const MAX_SECRETS = 100;
const MAX_PLACEHOLDER_BYTES = 1024;
const MAX_PATTERNS = 256;
const MAX_PORTS = 16;
const MAX_AUTHORITIES = 32;
const MAX_PEM_BYTES = 65_536;
const MAX_CACHE = 10_000;
const MAX_CACHE_HOURS = 24 * 30;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
/** Questions about names go to the resolver before anything else. */
const DNS_PORT = 53;

/** Throws `invalid_request` with the field. */
export function checkInterception({ tls, secrets }: GivenInterception): void {
  if (tls !== undefined) checkedTls(tls);
  if (secrets !== undefined) checkedSecrets(secrets);
}

/** Throws `invalid_request` with the field. */
export function checkedTls(given: NonNullable<GivenInterception["tls"]>): TlsSettings {
  const { enabled: _on, ...rest } = given;
  const tls: TlsSettings = { ...DEFAULT_TLS, ...rest };
  const isPort = (port: number): boolean => port >= 1 && port <= 65_535 && port !== DNS_PORT;
  if (tls.ports.length === 0 || tls.ports.length > MAX_PORTS || !tls.ports.every(isPort))
    throw invalid("tls.ports", `1 to ${MAX_PORTS} ports from 1 to 65535, without ${DNS_PORT}`);
  checkPatterns(tls.bypass, "tls.bypass");
  const scoped = [...tls.scopedAuthorities, ...tls.scopedVerification].map(({ host }) => host);
  checkPatterns(scoped, "tls.scopedAuthorities");
  const authorities = [...tls.upstreamAuthorities, ...tls.scopedAuthorities.map((one) => one.certificates)];
  if (authorities.length > MAX_AUTHORITIES || !authorities.every(isCertificate))
    throw invalid("tls.upstreamAuthorities", `at most ${MAX_AUTHORITIES} certificates in PEM`);
  const { capacity, validityHours } = tls.cache;
  if (capacity < 1 || capacity > MAX_CACHE) throw invalid("tls.cache.capacity", `1 to ${MAX_CACHE}`);
  if (validityHours < 1 || validityHours > MAX_CACHE_HOURS)
    throw invalid("tls.cache.validityHours", `1 to ${MAX_CACHE_HOURS}`);
  return tls;
}

/** Throws `invalid_request` with the field. */
export function checkedSecrets(given: readonly OpenSecret[]): readonly GivenSecret[] {
  if (given.length > MAX_SECRETS) throw invalid("secrets", `at most ${MAX_SECRETS}`);
  const secrets = given.map((secret, index) => checkedSecret(secret, `secrets[${index}]`));
  for (const key of ["name", "placeholder"] as const) {
    const twice = secrets.findIndex(
      (one, index) => secrets.findIndex((other) => other[key] === one[key]) < index,
    );
    if (twice !== -1) throw invalid(`secrets[${twice}].${key}`, "another secret has it");
  }
  return secrets;
}

function checkedSecret(given: OpenSecret, field: string): GivenSecret {
  const { name, value, hosts } = given;
  if (!NAME.test(name)) throw invalid(`${field}.name`, "it has to be the name of a variable");
  const placeholder = given.placeholder ?? `__FASTVM_SECRET_${name}__`;
  const bytes = Buffer.byteLength(placeholder);
  if (bytes < 1 || bytes > MAX_PLACEHOLDER_BYTES || /[\0\r\n]/.test(placeholder))
    throw invalid(`${field}.placeholder`, `1 to ${MAX_PLACEHOLDER_BYTES} bytes on one line`);
  if (hosts.length === 0) throw invalid(`${field}.hosts`, "a secret needs a host that it may go to");
  const passthroughHosts = given.passthroughHosts ?? [];
  checkPatterns(hosts, `${field}.hosts`);
  checkPatterns(passthroughHosts, `${field}.passthroughHosts`);
  if (value !== undefined && (value === "" || Buffer.byteLength(value) > MAX_SEALED_VALUE_BYTES))
    throw invalid(`${field}.value`, `1 to ${MAX_SEALED_VALUE_BYTES} bytes`);
  if (value?.includes(placeholder) === true)
    throw invalid(`${field}.value`, "it has its own placeholder in it");
  return {
    name,
    ...(value !== undefined && { value }),
    placeholder,
    hosts,
    injection: { ...DEFAULT_INJECTION, ...given.injection },
    onViolation: given.onViolation ?? "block_and_log",
    passthroughHosts,
    requireTls: given.requireTls ?? true,
  };
}

function checkPatterns(patterns: readonly string[], field: string): void {
  if (patterns.length > MAX_PATTERNS) throw invalid(field, `at most ${MAX_PATTERNS}`);
  const bad = patterns.find((pattern) => !isPattern(pattern));
  if (bad !== undefined)
    throw invalid(field, `${JSON.stringify(bad)} is no name in lower case, \`*.\` and two labels, or \`*\``);
}

/** All of a top-level domain is nobody's. */
function isPattern(pattern: string): boolean {
  if (pattern === "*") return true;
  if (!pattern.startsWith("*.")) return isHostName(pattern);
  return isHostName(pattern.slice(2)) && pattern.slice(2).includes(".");
}

function isCertificate(pem: string): boolean {
  if (Buffer.byteLength(pem) > MAX_PEM_BYTES || pem.includes("PRIVATE KEY")) return false;
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", `${field}: ${detail}`, { field });
}
