/**
 * What a change of a root takes from the host, read before its VM is asked for anything: files and folders that patches copy, from
 * where the operator lets images come from or VMs mount; and the authorities that the host trusts. From then on it is content, by which
 * the image is named.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FastvmError, type RootPatch, type RootSetup } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";
import { invalidImage } from "../images/invalid-image.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { ImportSource } from "./import/open-source.ts";
import { packFolder } from "./import/pack-folder.ts";

/** Of all that one setup copies: more belongs into an image, or a volume. */
const MAX_BYTES = 64 * 1024 * 1024;
const HOST_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n/g;

/** As `apply-patches.py` takes them. */
export type BroughtPatch =
  | Exclude<RootPatch, { kind: "copy" }>
  /** `archive`: which of those that come with the patches, by its place. */
  | {
      readonly kind: "unpack";
      readonly path: string;
      readonly archive: number;
      readonly digest: string;
      readonly replace: boolean;
    }
  | { readonly kind: "trust"; readonly path: string; readonly content: string };

export interface BroughtSetup extends Omit<RootSetup, "patches"> {
  readonly patches: readonly BroughtPatch[];
}

type Config = Parts<"config">["config"];

export async function bringSetup(
  config: Pick<Config, "importFolders" | "mountFolders">,
  setup: RootSetup,
): Promise<{ readonly setup: BroughtSetup; readonly archives: readonly Buffer[] }> {
  const allowed = [...(config.importFolders ?? []), ...(config.mountFolders ?? [])];
  const archives: Buffer[] = [];
  const patches: BroughtPatch[] = [];
  let left = MAX_BYTES;
  for (const [index, patch] of setup.patches.entries()) {
    if (patch.kind !== "copy") {
      patches.push(patch);
      continue;
    }
    const { content, mode, isFolder } = await contentOf(patch.source, allowed, left, `patches.${index}`);
    left -= content.length;
    const { path, replace } = patch;
    if (isFolder !== patch.isFolder)
      throw refused(`patches.${index}: ${patch.source} is ${isFolder ? "a folder" : "a file"}`);
    if (isFolder) {
      const digest = createHash("sha256").update(content).digest("hex");
      patches.push({ kind: "unpack", path, replace, digest, archive: archives.push(content) - 1 });
    } else {
      const base64 = content.toString("base64");
      patches.push({ kind: "write", path, content: base64, mode: patch.mode ?? mode, replace });
    }
  }
  if (setup.trustsHostAuthorities === true) {
    const content = Buffer.from(await hostAuthorities()).toString("base64");
    patches.push({ kind: "trust", path: "/etc/ssl/certs", content });
  }
  return { setup: { ...setup, patches }, archives };
}

async function contentOf(
  path: string,
  allowed: readonly string[],
  maxBytes: number,
  at: string,
): Promise<{ readonly content: Buffer; readonly mode: number; readonly isFolder: boolean }> {
  await using source = await ImportSource.open(path, allowed).catch((error: unknown) => {
    throw error instanceof FastvmError ? refused(`${at}: ${error.message}`) : error;
  });
  const { isFolder, mode } = source;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of isFolder ? packFolder(source) : source.read()) {
    bytes += piece.length;
    if (bytes > maxBytes) throw refused(`${at}: patches copy more than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return { content: Buffer.concat(pieces), mode, isFolder };
}

/** Without whatever else is in the file. */
async function hostAuthorities(): Promise<string> {
  try {
    const bundle = await readFile(HOST_BUNDLE, "utf8");
    return (bundle.match(CERTIFICATE) ?? []).join("");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}

function refused(detail: string): FastvmError {
  const error = invalidImage(detail);
  return new FastvmError("image_invalid", error.detail ?? detail, { field: "patches" });
}
