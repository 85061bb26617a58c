/** The images that a Dockerfile begins with: asked for on the host, with the caller's credentials, and given to the VM on a disk. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { formatReference, parseReference } from "@fastvm/contract";
import type { BuildOrder } from "@fastvm/contract";
import type { BaseLayer } from "../images/lay-out.ts";
import { runTool } from "../processes/spawn.ts";
import type { Parts } from "../vm/state/worker-context.ts";

export interface BaseImage {
  /** In full, without a digest. */
  readonly name: string;
  /** Of its manifest. */
  readonly digest: string;
}

const HEX_START = "sha256:".length;
/** A file system's own, beside a twentieth for what names and blocks take. */
const LAYOUT_BYTES = 32 * 1024 * 1024;
const LAYOUT_SHARE = 1.05;
/** Images are few large files. */
const BYTES_PER_INODE = 65_536;
/** Written once, and read once. */
const FILE_SYSTEM = ["-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal"] as const;
/** It writes what the images have. */
const TIMEOUT_MS = 10 * 60_000;

/** What a name means: to the organisation, or to its registry now. */
export async function findBase(
  context: Parts<"images">,
  { orgId, images = {}, credentials = [] }: BuildOrder,
  written: string,
  signal: AbortSignal,
): Promise<BaseImage> {
  const parsed = parseReference(written);
  const full = formatReference(parsed);
  const name = formatReference({ ...parsed, digest: undefined });
  const known = images[full];
  if (known !== undefined) return { name, digest: (await context.images.find(known, orgId)).digest };
  const login = credentials.find(({ registry }) => registry === parsed.registry);
  const { digest } = await context.images.pull(
    {
      owner: orgId,
      reference: full,
      // Of a registry of this name there is none.
      policy: parsed.registry === "localhost" ? "never" : "if-missing",
      ...(login === undefined ? {} : { credentials: { username: login.username, password: login.password } }),
    },
    { signal },
  );
  return { name, digest };
}

/** A disk with the images, each in a folder of its digest, in the form in which buildah takes them. */
export async function makeBasesDisk(
  context: Parts<"images">,
  digests: readonly string[],
  path: string,
): Promise<void> {
  const folder = `${path}.files`;
  await mkdir(folder);
  try {
    for (const digest of digests) await context.images.layOut(digest, join(folder, digest.slice(HEX_START)));
    const bytes = Math.ceil((await treeBytes(folder)) * LAYOUT_SHARE) + LAYOUT_BYTES;
    await runTool(
      "mke2fs",
      [...FILE_SYSTEM, "-i", `${BYTES_PER_INODE}`, "-d", folder, path, `${Math.ceil(bytes / 1024)}k`],
      { timeoutMs: TIMEOUT_MS },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** By the digest of what is in them. */
export async function layersOf(
  context: Parts<"images">,
  bases: readonly BaseImage[],
): Promise<Readonly<Record<string, BaseLayer>>> {
  const all: Record<string, BaseLayer> = {};
  for (const { digest } of bases) Object.assign(all, await context.images.layersByContent(digest));
  return all;
}

async function treeBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}
