/**
 * Completes the folder that the compiler filled to the package that is published: `npm publish ./dist`. Its manifest lacks
 * the condition by which this workspace runs the sources: a bundler in development mode would look for them in vain.
 * Run as `node src/packaging/write-manifest.ts <folder>`.
 */
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import workspaceManifest from "../../package.json" with { type: "json" };

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const REPOSITORY = join(PACKAGE, "../..");

const folder = process.argv[2] ?? join(PACKAGE, "dist");
const { devDependencies: _dependencies, scripts: _scripts, ...manifest } = workspaceManifest;
const exports = { ".": { types: "./index.d.ts", default: "./index.js" } };
writeFileSync(join(folder, "package.json"), `${JSON.stringify({ ...manifest, exports }, undefined, 2)}\n`);
copyFileSync(join(PACKAGE, "README.md"), join(folder, "README.md"));
copyFileSync(join(REPOSITORY, "LICENSE"), join(folder, "LICENSE"));
