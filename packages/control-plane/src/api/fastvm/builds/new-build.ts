/** What a client sends to have something built, of either generation, checked and in the engine's words. */
import {
  DEFAULT_MACHINE_TYPE,
  FastvmError,
  MAX_BUILD_ARGS,
  MAX_BUILD_ARGS_BYTES,
  MAX_BUILD_SECRETS,
  MAX_BUILD_SECRETS_BYTES,
  MAX_DOCKERFILE_BYTES,
  MIN_DISK_GIB,
  normalizeName,
  type BuildBody,
  type SnapshotImportBody,
} from "@fastvm/contract";
import {
  imageName,
  type Caller,
  type DockerfileSource,
  type Engine,
  type NewBuild,
} from "../../../engine/engine.ts";
import { parseGiven } from "../firewall/validate.ts";
import { requireMachineType } from "../require-machine-type.ts";

type Strings = Readonly<Record<string, string>>;

const DEFAULT_DOCKERFILE = "Dockerfile";
/** Of what a client may call an image; a reference is 255 bytes at most in all registries. */
const MAX_REFERENCE_LENGTH = 512;
const MAX_TARGET_LENGTH = 128;
const TAG = /^[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?$/;
const ARG = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SECRET = /^[\w.-]{1,128}$/;
const PLATFORM = "linux/amd64";

export function buildOf(builds: Engine["builds"], caller: Caller, body: BuildBody): NewBuild {
  const common = { ...commonOf(body), tag: tagOf(body.tag), network: parseGiven(body.firewall) };
  const image = referenceOf(body.imageRef, "imageRef");
  const text = body.dockerfileContent ?? undefined;
  const url = body.contextDownloadUrl ?? undefined;
  if (text === undefined && url === undefined && (body.dockerfilePath ?? undefined) === undefined) {
    if (image === undefined) {
      throw invalid("imageRef", "give imageRef or dockerfileContent, or a context with a Dockerfile in it");
    }
    refuseOthers(body, ["target", "buildArgs", "secrets", "noCache"], "without a Dockerfile there is no");
    return { ...common, source: { kind: "image", reference: image, credentials: undefined } };
  }
  if (text !== undefined && (text.trim() === "" || Buffer.byteLength(text) > MAX_DOCKERFILE_BYTES)) {
    throw invalid("dockerfileContent", `dockerfileContent must have 1 to ${MAX_DOCKERFILE_BYTES} bytes`);
  }
  if (text === undefined && url === undefined) {
    throw invalid("contextDownloadUrl", "dockerfilePath is in a context; give contextDownloadUrl too");
  }
  return {
    ...common,
    source: {
      kind: "dockerfile",
      dockerfile: text === undefined ? { path: pathOf(body.dockerfilePath, "dockerfilePath") } : { text },
      image,
      context: url === undefined ? undefined : builds.contextOfUrl(caller, url, "contextDownloadUrl"),
      target: targetOf(body.target, "target"),
      args: argsOf(body.buildArgs, "buildArgs"),
      secrets: secretsOf(body.secrets),
      credentials: [],
      noCache: body.noCache ?? false,
    },
  };
}

export function importOf(builds: Engine["builds"], caller: Caller, body: SnapshotImportBody): NewBuild {
  const { source } = body;
  if ((source.platform ?? PLATFORM) !== PLATFORM) {
    throw invalid("source.platform", `source.platform must be ${PLATFORM}`);
  }
  const common = { ...commonOf(body), tag: undefined, network: undefined };
  const credentials = credentialsOf(source);
  if (source.type === "image") {
    refuseOthers(
      source,
      ["contextRef", "dockerfilePath", "target", "buildArgs"],
      "an image has no",
      "source.",
    );
    const reference = referenceOf(source.image, "source.image");
    if (reference === undefined) throw invalid("source.image", "source.image is required");
    return { ...common, source: { kind: "image", reference, credentials } };
  }
  return { ...common, source: dockerfileOf(builds, caller, source, credentials) };
}

function dockerfileOf(
  builds: Engine["builds"],
  caller: Caller,
  source: SnapshotImportBody["source"],
  credentials: ReturnType<typeof credentialsOf>,
): DockerfileSource {
  refuseOthers(source, ["image"], "a Dockerfile names its own", "source.");
  const context = source.contextRef ?? undefined;
  if (context === undefined) throw invalid("source.contextRef", "source.contextRef is required");
  const registry = source.registryHost ?? undefined;
  if (credentials !== undefined && registry === undefined) {
    throw invalid("source.registryHost", "source.registryHost is required with a user name and a password");
  }
  return {
    kind: "dockerfile",
    dockerfile: { path: pathOf(source.dockerfilePath, "source.dockerfilePath") },
    image: undefined,
    context: builds.contextOfReference(caller, context, "source.contextRef"),
    target: targetOf(source.target, "source.target"),
    args: argsOf(source.buildArgs, "source.buildArgs"),
    secrets: {},
    credentials: credentials === undefined || registry === undefined ? [] : [{ registry, ...credentials }],
    noCache: false,
  };
}

function commonOf({ name, machineType, diskGiB }: Pick<BuildBody, "name" | "machineType" | "diskGiB">) {
  return {
    name: normalizeName(name ?? ""),
    machine: requireMachineType(machineType ?? DEFAULT_MACHINE_TYPE),
    diskGib: diskGiB ?? MIN_DISK_GIB,
  };
}

/** What belongs to another kind of source, and would be dropped without a word. */
function refuseOthers<Body extends object>(
  body: Body,
  names: readonly (keyof Body & string)[],
  why: string,
  prefix = "",
): void {
  const given = names.find((name) => (body[name] ?? undefined) !== undefined);
  if (given !== undefined) throw invalid(prefix + given, `${why} ${prefix}${given}`);
}

function referenceOf(value: string | null | undefined, field: string): string | undefined {
  const reference = value?.trim() ?? "";
  if (reference === "") return undefined;
  if (reference.length > MAX_REFERENCE_LENGTH || /[\s\0]/.test(reference)) {
    throw invalid(field, `${field} is not the reference of an image`);
  }
  return reference;
}

function tagOf(tag: string | null | undefined): string | undefined {
  if (tag === undefined || tag === null) return undefined;
  if (tag.length <= MAX_REFERENCE_LENGTH && TAG.test(tag)) return imageName(tag);
  throw invalid(
    "tag",
    "tag must be a name of small letters, digits, `.`, `_`, `-`, `/`, such as app or team/app:2",
  );
}

/** Nothing on the host opens it; but a mistake is better told now. */
function pathOf(path: string | null | undefined, field: string): string {
  const given = path ?? DEFAULT_DOCKERFILE;
  const isInside = given !== "" && !given.startsWith("/") && !given.split("/").includes("..");
  if (isInside && given.length <= MAX_REFERENCE_LENGTH && !given.includes("\0")) return given;
  throw invalid(field, `${field} must be relative to the context and stay in it`);
}

function targetOf(target: string | null | undefined, field: string): string | undefined {
  if (target === undefined || target === null || target === "") return undefined;
  if (target.length <= MAX_TARGET_LENGTH && /^[\w.-]+$/.test(target) && !target.startsWith("-"))
    return target;
  throw invalid(field, `${field} must be the name or number of a stage`);
}

function argsOf(args: Strings | null | undefined, field: string): Strings {
  const given = Object.entries(args ?? {});
  const wrong = given.find(([name, value]) => !ARG.test(name) || value.includes("\0"));
  if (wrong !== undefined) throw invalid(field, `${field} must have names of letters, digits and \`_\``);
  if (given.length > MAX_BUILD_ARGS || bytesOf(given) > MAX_BUILD_ARGS_BYTES) {
    throw invalid(
      field,
      `${field} must be at most ${MAX_BUILD_ARGS}, with ${MAX_BUILD_ARGS_BYTES} bytes in all`,
    );
  }
  return Object.fromEntries(given);
}

function secretsOf(secrets: Strings | null | undefined): Strings {
  const given = Object.entries(secrets ?? {});
  if (given.some(([id]) => !SECRET.test(id) || id.startsWith("-"))) {
    throw invalid("secrets", "secrets must have ids of letters, digits, `.`, `_`, `-`");
  }
  if (given.length > MAX_BUILD_SECRETS || bytesOf(given) > MAX_BUILD_SECRETS_BYTES) {
    throw invalid(
      "secrets",
      `secrets must be at most ${MAX_BUILD_SECRETS}, with ${MAX_BUILD_SECRETS_BYTES} bytes in all`,
    );
  }
  return Object.fromEntries(given);
}

function credentialsOf({ registryUsername, registryPassword }: SnapshotImportBody["source"]) {
  const [username, password] = [registryUsername ?? undefined, registryPassword ?? undefined];
  if ((username === undefined) !== (password === undefined)) {
    throw invalid("source.registryPassword", "a user name and a password go together");
  }
  return username === undefined || password === undefined ? undefined : { username, password };
}

function bytesOf(given: readonly (readonly [string, string])[]): number {
  return given.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", rule, { field });
}
