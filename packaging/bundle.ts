/**
 * Writes the daemon and the command as few files of JavaScript, for machines without npm. Beside them lies what they look for relative to
 * their sources, under the same paths as in this repository: a module that asks where it is gets told where it was.
 *
 *   node packaging/bundle.ts FOLDER
 *
 *   FOLDER/bundle/fastvm.js                       the command; what it shares with the others is in chunks beside it
 *   FOLDER/packages/daemon/src/serve-entry.ts     what starts as a process or a thread of its own: one line that leads to the bundle
 *   FOLDER/packages, FOLDER/guest                 programs for VMs, scripts
 *   FOLDER/licenses                               of every package that is in it
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { Plugin } from "rolldown";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BUNDLE = "bundle";
const COMMAND = "packages/cli/src/main.ts";
/** Found by their paths when the daemon runs. */
const STARTED_BY_PATH = ["packages/daemon/src/serve-entry.ts", "packages/worker/src/files/digest-thread.ts"];
/** Faster parts in C of packages that do without. */
const NATIVE_EXTRAS = ["pg-native", "cbor-extract", "bufferutil", "utf-8-validate"];
/** Of sources what is no module: scripts and programs that are read or run, but those of tests. */
const ASSETS = /^packages\/[^/]+\/src\/(?!.*\/?testing\/)(?!.*openapi\.json$).*(?<!\.ts)$|^guest\/image\//;
const LICENSE = /^(?:licen[cs]e|copying|notice)/i;

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("usage: packaging/bundle.ts FOLDER");
const moduleIds = await bundle(folder);
for (const path of STARTED_BY_PATH) writeLeader(folder, path);
for (const path of assets()) copy(path, join(folder, path));
writeLicenses(folder, moduleIds);
writeFileSync(join(folder, "package.json"), `{ "private": true, "type": "module" }\n`);

async function bundle(into: string): Promise<readonly string[]> {
  const entries = [COMMAND, ...STARTED_BY_PATH];
  const build = await rolldown({
    input: Object.fromEntries(entries.map((path) => [nameOf(path), join(ROOT, path)])),
    platform: "node",
    external: NATIVE_EXTRAS,
    // The workspace's packages point at their sources under the first; `import` or `require` is added for each place that asks.
    resolve: { conditionNames: ["development", "node"] },
    plugins: [tellOwnPlace()],
  });
  const { output } = await build.write({
    dir: join(into, BUNDLE),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  await build.close();
  return output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
}

function nameOf(path: string): string {
  return path === COMMAND ? "fastvm" : basename(path, ".ts");
}

function tellOwnPlace(): Plugin {
  return {
    name: "tell-own-place",
    transform(code, id) {
      const path = relative(ROOT, id);
      if (!path.startsWith("packages/") || !code.includes("import.meta.url")) return undefined;
      return code.replaceAll("import.meta.url", `new URL(${JSON.stringify(`../${path}`)}, import.meta.url)`);
    },
  };
}

function writeLeader(into: string, path: string): void {
  const file = join(into, path);
  mkdirSync(dirname(file), { recursive: true });
  const bundled = join(BUNDLE, `${nameOf(path)}.js`);
  writeFileSync(file, `import ${JSON.stringify(relative(dirname(path), bundled))};\n`);
}

function assets(): readonly string[] {
  const listing = execFileSync("git", ["ls-files", "-z", "packages", "guest"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return listing.split("\0").filter((path) => ASSETS.test(path));
}

function copy(path: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(ROOT, path), target);
}

function writeLicenses(into: string, ids: readonly string[]): void {
  const packages = new Set(ids.flatMap((id) => packageFolderOf(id) ?? []));
  for (const each of packages) {
    const { name, version } = JSON.parse(readFileSync(join(each, "package.json"), "utf8")) as {
      name: string;
      version: string;
    };
    const files = readdirSync(each).filter((file) => LICENSE.test(file));
    const text = files.map((file) => readFileSync(join(each, file), "utf8")).join("\n");
    const target = join(into, "licenses", `${name.replace("/", "+")}-${version}`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text === "" ? readFileSync(join(each, "package.json"), "utf8") : text);
  }
}

/** Of a module that came by npm. */
function packageFolderOf(id: string): string | undefined {
  const found = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
  return found !== undefined && existsSync(join(found, "package.json")) ? found : undefined;
}
