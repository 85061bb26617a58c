/**
 * What was made of a base image that another has followed: its name has that one's digest in it, so no launch asks for it again. VMs,
 * snapshots and paused VMs need nothing of it.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { currentEntries, isEntryName } from "./cache-entries.ts";

/** Whoever goes back to a version, or from one checkout to the next and back, does so within the day. */
export const SUPERSEDED_AFTER_MS = 24 * 3_600_000;

interface ImageManifest {
  /** Of an image of a registry: what it was made of, beside the base image below. */
  readonly manifestDigest?: string;
  readonly base?: string;
}

/**
 * Names of entries. An image stays for as long as there is a template of it, since by it alone is known what that one is of. Of templates
 * whose image lies elsewhere nothing is said.
 */
export async function supersededEntries(cacheFolder: string): Promise<ReadonlySet<string>> {
  const current = await currentEntries(cacheFolder);
  // There may be an image elsewhere.
  if (current.length === 0) return new Set();
  const [images, templates, rootfs] = await Promise.all(
    ["images", "templates", "rootfs"].map((kind) => entriesOf(cacheFolder, kind)),
  );
  const old = new Set<string>();
  for (const name of images ?? []) {
    if (current.includes(name)) continue;
    const { manifestDigest, base } = await manifestOf<ImageManifest>(cacheFolder, name);
    if (manifestDigest === undefined || !current.includes(`images/${base}`)) old.add(name);
  }
  const superseded = new Set((rootfs ?? []).filter((name) => !current.includes(name)));
  for (const name of old) superseded.add(name);
  for (const name of templates ?? []) {
    const { imageDigest } = await manifestOf<{ imageDigest?: string }>(cacheFolder, name);
    if (!old.has(`images/${imageDigest}`)) continue;
    superseded.add(name);
    superseded.delete(`images/${imageDigest}`);
  }
  return superseded;
}

async function entriesOf(cacheFolder: string, kind: string): Promise<readonly string[]> {
  const names = await readdir(join(cacheFolder, kind)).catch(() => []);
  return names.map((name) => `${kind}/${name}`).filter(isEntryName);
}

/** Nothing where there is none, or one that is being removed. */
async function manifestOf<T extends object>(cacheFolder: string, name: string): Promise<Partial<T>> {
  const text = await readFile(join(cacheFolder, name, "manifest.json"), "utf8").catch(() => "{}");
  try {
    return JSON.parse(text) as Partial<T>;
  } catch {
    return {};
  }
}
