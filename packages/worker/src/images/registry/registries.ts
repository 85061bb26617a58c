/**
 * What whoever runs the host says of registries, in a file of the data folder that is read for each pull:
 *
 *   { "registry.internal:5000": { "guarded": true, "caFile": "/etc/ssl/internal.pem" },
 *     "docker.io":              { "mirrors": ["https://mirror.internal"] } }
 *
 * Each host stands for itself: a mirror, a server for tokens or one that a registry leads to has its own line.
 */
import { readFile } from "node:fs/promises";
import { FastvmError } from "@fastvm/contract";
import { isErrno } from "../../files/errno.ts";

export interface RegistryRules {
  /** Spoken to in cleartext. */
  readonly isInsecure: boolean;
  /** It may have an address that is guarded. */
  readonly mayBeGuarded: boolean;
  /** PEM, in place of the authorities that Node knows. */
  readonly ca: string | undefined;
  /** Asked before it, in this order. Base URLs. */
  readonly mirrors: readonly string[];
}

const KNOWN_FIELDS = ["insecure", "guarded", "caFile", "mirrors"];
/** Each costs an attempt when it is away. */
const MAX_MIRRORS = 8;

export class Registries {
  readonly #rules: ReadonlyMap<string, RegistryRules>;

  /** Of a file that is not there nothing is said. */
  static async read(file: string | undefined): Promise<Registries> {
    if (file === undefined) return new Registries(new Map());
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      if (isErrno(error, "ENOENT")) return new Registries(new Map());
      throw error;
    }
    const found = parseJson(file, text);
    const rules = new Map<string, RegistryRules>();
    for (const [host, value] of Object.entries(found)) {
      rules.set(host.toLowerCase(), await readRules(file, host, value));
    }
    return new Registries(rules);
  }

  constructor(rules: ReadonlyMap<string, RegistryRules>) {
    this.#rules = rules;
  }

  /** `host`: with its port where that is not the scheme's own. */
  of(host: string): RegistryRules {
    return this.#rules.get(host.toLowerCase()) ?? NO_RULES;
  }
}

const NO_RULES: RegistryRules = { isInsecure: false, mayBeGuarded: false, ca: undefined, mirrors: [] };

async function readRules(file: string, host: string, value: unknown): Promise<RegistryRules> {
  if (!isObject(value)) throw badFile(file, `${host} has no object`);
  for (const field of Object.keys(value)) {
    // One that nobody reads may have been meant to keep somebody out.
    if (!KNOWN_FIELDS.includes(field))
      throw badFile(file, `${host}: "${field}" is not known (${KNOWN_FIELDS.join(", ")})`);
  }
  const { insecure = false, guarded = false, caFile, mirrors = [] } = value;
  if (typeof insecure !== "boolean" || typeof guarded !== "boolean") {
    throw badFile(file, `${host}: insecure and guarded are true or false`);
  }
  if (caFile !== undefined && typeof caFile !== "string") throw badFile(file, `${host}: caFile is a path`);
  if (!Array.isArray(mirrors) || mirrors.length > MAX_MIRRORS || !mirrors.every(isBaseUrl)) {
    throw badFile(
      file,
      `${host}: mirrors are at most ${MAX_MIRRORS} URLs, such as https://mirror.example.com`,
    );
  }
  return {
    isInsecure: insecure,
    mayBeGuarded: guarded,
    ca: caFile === undefined ? undefined : await readCa(file, caFile),
    mirrors,
  };
}

async function readCa(file: string, caFile: string): Promise<string> {
  try {
    return await readFile(caFile, "utf8");
  } catch (error) {
    throw badFile(file, `${caFile} cannot be read`, error);
  }
}

function isBaseUrl(text: unknown): text is string {
  const url = typeof text === "string" ? URL.parse(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
}

function parseJson(file: string, text: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(text);
    if (isObject(found)) return found;
  } catch (error) {
    throw badFile(file, "it is no JSON", error);
  }
  throw badFile(file, "it is no object of registries");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badFile(file: string, detail: string, cause?: unknown): FastvmError {
  return new FastvmError("invalid_request", `${file}: ${detail}`, { cause });
}
