/**
 * Names of images as people write them, read as Docker reads them:
 *
 *   [registry[:port]/]path[:tag][@sha256:…]
 *
 * What stands before the first slash is a registry only if it looks like a host; else all of it is a path on Docker Hub.
 */
import { FastvmError } from "./errors/errors.ts";

export interface ImageReference {
  /** Host and perhaps port, as people name it. */
  readonly registry: string;
  /** `library/python`. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** Pins the image: whatever the tag says. */
  readonly digest: string | undefined;
}

const HUB = "docker.io";
/** Its old name, which some programs still write. */
const HUB_ALIAS = "index.docker.io";
/** Where its API is. */
const HUB_API = "registry-1.docker.io";
const OFFICIAL = "library";
const DEFAULT_TAG = "latest";

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const REGISTRY = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?$`);
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
/** As Docker has it, registry and path together. */
const MAX_NAME_LENGTH = 255;
/** Of what is no registry. */
const MAX_QUOTED = 80;

/** Of a manifest, configuration or layer: the only form there is. */
export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text);
}

export function parseReference(text: string): ImageReference {
  const [name = "", digest, ...rest] = text.split("@");
  if (rest.length > 0) throw badReference(text, "it has two @");
  if (digest !== undefined && !isDigest(digest)) {
    throw badReference(text, "behind the @ comes sha256: and 64 hexadecimal digits in lower case");
  }
  const colon = name.lastIndexOf(":");
  const hasTag = colon > name.lastIndexOf("/");
  const tag = hasTag ? name.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw badReference(text, `"${tag}" is no tag`);
  const { registry, repository } = splitName(hasTag ? name.slice(0, colon) : name);
  if (!REGISTRY.test(registry)) throw badReference(text, `"${registry}" is no registry`);
  if (!REPOSITORY.test(repository)) {
    throw badReference(
      text,
      "a path has lower-case letters, digits, and single dots, dashes or underscores between them",
    );
  }
  if (registry.length + repository.length + 1 > MAX_NAME_LENGTH) throw badReference(text, "it is too long");
  return { registry, repository, tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined), digest };
}

/** A registry alone, as references have it; whatever it is written like. Throws for what is none. */
export function parseRegistry(text: string): string {
  const registry = text.toLowerCase();
  // Without a dot or a port it would be the beginning of a path.
  const isHost = /[.:]/.test(registry) || registry === "localhost";
  if (isHost && registry.length <= MAX_NAME_LENGTH && REGISTRY.test(registry))
    return registry === HUB_ALIAS ? HUB : registry;
  const shown = JSON.stringify(text.slice(0, MAX_QUOTED));
  throw new FastvmError("invalid_request", `${shown} is no registry: it is a host, and perhaps a port`, {
    field: "registry",
  });
}

/** In full: two texts that mean the same are the same. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** Host and port of the API. */
export function apiHostOf(registry: string): string {
  return registry === HUB ? HUB_API : registry;
}

function splitName(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const looksLikeHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const registry = slash > 0 && looksLikeHost ? first.toLowerCase() : HUB;
  const path = slash > 0 && looksLikeHost ? name.slice(slash + 1) : name;
  if (registry !== HUB && registry !== HUB_ALIAS) return { registry, repository: path };
  return { registry: HUB, repository: path.includes("/") ? path : `${OFFICIAL}/${path}` };
}

function badReference(text: string, reason: string): FastvmError {
  const shown = text.length > MAX_NAME_LENGTH ? `${text.slice(0, MAX_NAME_LENGTH)}…` : text;
  return new FastvmError("invalid_request", `"${shown}" names no image: ${reason}`, { field: "reference" });
}
