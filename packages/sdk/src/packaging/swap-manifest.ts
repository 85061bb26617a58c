/**
 * What `npm pack` and `npm publish` run around their work: `swap-manifest.ts published` before
 * it, `swap-manifest.ts workspace` after it. The published manifest lacks the condition by which
 * this workspace runs the sources: a bundler in development mode would look for them in vain.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const MANIFEST = join(PACKAGE, "package.json");
const LICENSE = join(PACKAGE, "LICENSE");
/** Where the workspace's own lies meanwhile; neither Git nor npm looks there. */
const KEPT = join(PACKAGE, "build/package.json");

interface Manifest {
  readonly devDependencies?: unknown;
  readonly scripts?: unknown;
  readonly exports: Readonly<Record<string, { readonly development?: string }>>;
}

if (process.argv[2] === "published") publish();
else restore();

function publish(): void {
  const { devDependencies: _dependencies, scripts: _scripts, ...manifest } = readManifest();
  const entries = Object.entries(manifest.exports);
  // Without it the published one lies there already: an earlier run was interrupted.
  if (entries.every(([, { development }]) => development === undefined)) return;
  const published = entries.map(([path, { development: _source, ...conditions }]) => [path, conditions]);
  mkdirSync(join(PACKAGE, "build"), { recursive: true });
  copyFileSync(MANIFEST, KEPT);
  copyFileSync(join(PACKAGE, "../../LICENSE"), LICENSE);
  const text = JSON.stringify({ ...manifest, exports: Object.fromEntries(published) }, undefined, 2);
  writeFileSync(MANIFEST, `${text}\n`);
}

function restore(): void {
  copyFileSync(KEPT, MANIFEST);
  rmSync(KEPT);
  rmSync(LICENSE);
}

function readManifest(): Manifest {
  return JSON.parse(readFileSync(MANIFEST, "utf8")) as Manifest;
}
