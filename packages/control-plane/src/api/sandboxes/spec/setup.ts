/** What a specification has done to its root before the boot, in the engine's words: patches, scripts, limits, who is process 1. */
import { RESOURCES, type ResourceLimit, type RootPatch, type RootSetup } from "@fastvm/contract";
import type { SandboxSpec } from "@fastvm/contract";
import { invalid } from "./invalid.ts";

type Patch = NonNullable<SandboxSpec["patches"]>[number];

const SCRIPTS = "/.msb/scripts";
/** Of a file in a folder. */
const SCRIPT_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const SCRIPT_MODE = 0o755;
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
/** 8 MiB as base64: it is kept in the record until the first boot. More belongs into an image, or a volume. */
const MAX_PATCH_CHARS = Math.ceil((8 * 1024 * 1024) / 3) * 4;
/** Of arguments and variables of an init, as the agent reads them. */
const MAX_INIT_BYTES = 128 * 1024;
const MAX_INIT_WORDS = 2000;

/** `undefined`: the image as it is, of which there is a template already. */
export function rootSetupOf(spec: SandboxSpec): RootSetup | undefined {
  const patches = [
    ...(spec.patches ?? []).map((patch, index) => patchOf(patch, `patches.${index}`)),
    ...scriptsOf(spec.runtime?.scripts ?? {}),
  ];
  const bytes = patches.reduce((sum, patch) => sum + ("content" in patch ? patch.content.length : 0), 0);
  if (bytes > MAX_PATCH_CHARS) throw invalid("patches", "and scripts have more than 8 MiB in them");
  const limits = limitsOf(spec.rlimits ?? []);
  const init = initOf(spec.init ?? undefined);
  const restricted = spec.security_profile === "restricted";
  const trustsHostAuthorities = spec.network?.trust_host_cas === true;
  if (spec.image.type === "disk_image" && (spec.patches ?? []).length > 0)
    throw invalid("patches", "are not for the root of a disk image");
  const isAsItIs = patches.length === 0 && limits.length === 0 && init === undefined;
  if (isAsItIs && !restricted && !trustsHostAuthorities) return undefined;
  return {
    patches,
    limits,
    restricted,
    ...(init !== undefined && { init }),
    ...(trustsHostAuthorities && { trustsHostAuthorities }),
  };
}

function patchOf(patch: Patch, at: string): RootPatch {
  switch (patch.type) {
    case "text":
      return written(patch, Buffer.from(patch.content), at);
    case "file":
      return written(patch, Buffer.from(patch.content), at);
    case "symlink": {
      const path = placeOf(patch.link, `${at}.link`);
      if (patch.target.includes("\0")) throw invalid(`${at}.target`, "has a zero byte in it");
      return { kind: "symlink", path, target: patch.target, replace: patch.replace ?? false };
    }
    case "mkdir":
      return { kind: "mkdir", path: placeOf(patch.path, `${at}.path`), mode: patch.mode ?? FOLDER_MODE };
    case "remove":
      return { kind: "remove", path: placeOf(patch.path, `${at}.path`) };
    case "append": {
      const content = Buffer.from(patch.content).toString("base64");
      return { kind: "append", path: placeOf(patch.path, `${at}.path`), content };
    }
    case "copy_file":
    case "copy_dir": {
      const mode = patch.type === "copy_file" ? (patch.mode ?? undefined) : undefined;
      return {
        kind: "copy",
        source: hostPathOf(patch.src, `${at}.src`),
        path: placeOf(patch.dst, `${at}.dst`),
        isFolder: patch.type === "copy_dir",
        replace: patch.replace ?? false,
        ...(mode !== undefined && { mode }),
      };
    }
    default:
      return patch satisfies never;
  }
}

/** Of this server's host, as whose files are meant is not the client's to choose. */
export function hostPathOf(path: string, at: string): string {
  if (path.startsWith("/") && !path.includes("\0") && path.isWellFormed()) return path;
  throw invalid(at, "must be an absolute path of the server's host");
}

function written(
  {
    path,
    mode,
    replace,
  }: { readonly path: string; readonly mode?: number | null; readonly replace?: boolean },
  content: Buffer,
  at: string,
): RootPatch {
  return {
    kind: "write",
    path: placeOf(path, `${at}.path`),
    content: content.toString("base64"),
    mode: mode ?? FILE_MODE,
    replace: replace ?? false,
  };
}

function placeOf(path: string, at: string): string {
  const parts = path.split("/").slice(1);
  const isPlace = path.startsWith("/") && !path.includes("\0") && parts.some((part) => part !== "");
  if (!isPlace || parts.includes("..")) throw invalid(at, "must be absolute, without .., and not / itself");
  return path;
}

function scriptsOf(scripts: Readonly<Record<string, string>>): readonly RootPatch[] {
  return Object.entries(scripts).map(([name, text]) => {
    if (!SCRIPT_NAME.test(name))
      throw invalid(`runtime.scripts.${name}`, "has a name of other than letters, digits, `.`, `_` and `-`");
    const content = Buffer.from(text).toString("base64");
    return { kind: "write", path: `${SCRIPTS}/${name}`, content, mode: SCRIPT_MODE, replace: true };
  });
}

/** The limit of a process, or of all that a sandbox starts. */
export function limitsOf(limits: NonNullable<SandboxSpec["rlimits"]>): readonly ResourceLimit[] {
  const seen = new Set<string>();
  return limits.map(({ resource, soft, hard }, index) => {
    if (!(soft >= 0)) throw invalid(`rlimits.${index}.soft`, "must be a number from 0 on");
    if (!(soft <= hard)) throw invalid(`rlimits.${index}.soft`, "is above the hard limit");
    if (seen.has(resource)) throw invalid(`rlimits.${index}.resource`, "is limited twice");
    if (!(RESOURCES as readonly string[]).includes(resource))
      throw invalid(`rlimits.${index}.resource`, "is no resource");
    seen.add(resource);
    return { resource, soft, hard };
  });
}

function initOf(init: NonNullable<SandboxSpec["init"]> | undefined): RootSetup["init"] {
  if (init === undefined) return undefined;
  const { cmd, args = [], env = [] } = init;
  if (cmd !== "auto" && (!cmd.startsWith("/") || cmd.includes("\0")))
    throw invalid("init.cmd", "must be absolute, or auto");
  for (const [index, argument] of args.entries())
    if (argument.includes("\0")) throw invalid(`init.args.${index}`, "has a zero byte in it");
  const pairs = env.map(([key = "", value = ""], index) => {
    if (key === "" || /[=\0]/.test(key) || value.includes("\0"))
      throw invalid(`init.env.${index}`, "is no environment variable");
    return [key, value] as const;
  });
  const bytes = [cmd, ...args, ...pairs.flat()].reduce((sum, word) => sum + Buffer.byteLength(word) + 2, 0);
  if (bytes > MAX_INIT_BYTES || args.length + pairs.length > MAX_INIT_WORDS)
    throw invalid("init", `has more than ${MAX_INIT_WORDS} words, or ${MAX_INIT_BYTES} bytes`);
  return { command: cmd, args, env: Object.fromEntries(pairs) };
}
