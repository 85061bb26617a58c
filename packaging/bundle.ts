/**
 * Writes the daemon and the command as few files of JavaScript, for machines without npm. Beside them lies what they look for relative to
 * their sources, under the same paths as in this repository: a module that asks where it is gets told where it was.
 *
 *   node packaging/bundle.ts FOLDER
 *
 *   FOLDER/bundle/fastvm.js                       the command; what it shares with the others is in chunks beside it
 *   FOLDER/packages/daemon/src/serve-entry.ts     what starts as a process or a thread of its own: one line that leads to the bundle
 *   FOLDER/packages/egress-proxy                  whole, with a bundle of its own: the process sees no other folder of these
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
/** The same, in a root of its own where the folder of its package is all that there is. */
const ALONE = "packages/egress-proxy/src/main.ts";
/** Says where compiled code is kept: what is loaded before that is known is compiled each time. */
const ENVIRONMENT = "/packages/cli/src/settings/environment.ts";
/** What every command has in common. */
const COMMON = [
  /packages\/cli\/package\.json$/,
  /packages\/cli\/src\/(?:command-line|help|output|settings\/(?!trust|environment))/,
  /packages\/cli\/src\/(?!main)[^/]+\.ts$/,
  /packages\/cli\/src\/commands\/(?:api-command|resolve|machine\/exit-codes|vm\/verbs)\.ts$/,
  /node_modules\/commander\//,
];
/** Faster parts in C of packages that do without. */
const NATIVE_EXTRAS = ["pg-native", "cbor-extract", "bufferutil", "utf-8-validate"];
/** Of sources what is no module: scripts and programs that are read or run, but those of tests. */
const ASSETS = /^packages\/[^/]+\/src\/(?!.*\/?testing\/)(?!.*openapi\.json$).*(?<!\.ts)$|^guest\/image\//;
const LICENSE = /^(?:licen[cs]e|copying|notice)/i;

const [, , folder = ""] = process.argv;
if (folder === "") throw new Error("usage: packaging/bundle.ts FOLDER");
const startedByPath = STARTED_BY_PATH.filter(isThere);
const alone = [ALONE].filter(isThere);
const moduleIds = [
  ...(await bundle([COMMAND, ...startedByPath], join(folder, BUNDLE))),
  ...(alone.length === 0 ? [] : await bundle(alone, join(folder, besideSources(ALONE)))),
];
for (const path of startedByPath) writeLeader(folder, path, BUNDLE);
for (const path of alone) writeLeader(folder, path, besideSources(path));
for (const path of assets()) copy(path, join(folder, path));
writeLicenses(folder, moduleIds);
for (const each of [folder, ...alone.map((path) => join(folder, dirname(besideSources(path))))])
  writeManifest(each, "module");

/** An older tree, an upgrade from which is tried, has not all of them. */
function isThere(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** What the entries share is in chunks beside them. Answers with the modules that it took. */
async function bundle(entries: readonly string[], into: string): Promise<readonly string[]> {
  const build = await rolldown({
    input: Object.fromEntries(entries.map((path) => [nameOf(path), join(ROOT, path)])),
    platform: "node",
    external: NATIVE_EXTRAS,
    preserveEntrySignatures: false,
    // The workspace's packages point at their sources under the first; `import` or `require` is added for each place that asks.
    resolve: { conditionNames: ["development", "node"] },
    plugins: [tellOwnPlace(relative(into, folder)), plainBuiltins(), asciiAlone()],
  });
  const write = async (format: "cjs" | "esm") => {
    const { output } = await build.write({
      dir: into,
      format,
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      comments: false,
      // Its printer would write the characters as they are again.
      minify: false,
      // To find, open and link a file takes longer than to read it.
      codeSplitting: {
        groups: [
          { name: "environment", test: (id) => id.endsWith(ENVIRONMENT) },
          { name: "common", test: (id) => COMMON.some((each) => each.test(id)) },
        ],
        includeDependenciesRecursively: false,
      },
    });
    writeManifest(into, format === "cjs" ? "commonjs" : "module");
    return output;
  };
  // As scripts the parts are loaded in half the time, and take of Node's own modules only what they use: an `import` of `node:http` reads
  // all of its exports, and so brings `fetch`, 40 ms and 8 MiB. A module that waits at its top level, as in older trees, can be no script.
  const output = await write("cjs").catch(async (error: unknown) => {
    if (!String(error).includes("INVALID_TLA_FORMAT")) throw error;
    return await write("esm");
  });
  await build.close();
  return output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
}

function writeManifest(into: string, type: "commonjs" | "module"): void {
  writeFileSync(join(into, "package.json"), `{ "private": true, "type": "${type}" }\n`);
}

function nameOf(path: string): string {
  return path === COMMAND ? "fastvm" : basename(path, ".ts");
}

/** Of the package that has a bundle of its own. */
function besideSources(path: string): string {
  return join(dirname(dirname(path)), BUNDLE);
}

/**
 * A module of Node's as a default is that module. The bundler would copy all its exports, which loads what none asks for; and of commander,
 * which starts programs for subcommands that are files of their own, what starts programs is loaded when it does.
 */
function plainBuiltins(): Plugin {
  return {
    name: "plain-builtins",
    transform(code, id) {
      if (!id.includes("/node_modules/")) return undefined;
      const all = id.endsWith("/commander/lib/command.js")
        ? code
            .replace(/^import childProcess from .*$/m, "")
            .replaceAll("childProcess.", `${builtin("child_process")}.`)
        : code;
      return all.replaceAll(
        /^import (\w+) from ["']node:([\w/]+)["'];$/gm,
        (_, name: string, of: string) => `const ${name} = ${builtin(of)};`,
      );
    },
  };
}

function builtin(name: string): string {
  return `globalThis.process.getBuiltinModule("node:${name}")`;
}

/** `toRoot`: from the bundle to FOLDER. */
function tellOwnPlace(toRoot: string): Plugin {
  return {
    name: "tell-own-place",
    transform(code, id) {
      const path = relative(ROOT, id);
      if (!path.startsWith("packages/") || !code.includes("import.meta.url")) return undefined;
      return code.replaceAll(
        "import.meta.url",
        `new URL(${JSON.stringify(`${toRoot}/${path}`)}, import.meta.url)`,
      );
    },
  };
}

/** V8 keeps the source of what runs, at two bytes a character where a single one is not ASCII: here a few in strings. */
function asciiAlone(): Plugin {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return {
    name: "ascii-alone",
    renderChunk: (code) => code.replaceAll(/[^\0-\x7F]/g, escaped),
  };
}

function writeLeader(into: string, path: string, bundleFolder: string): void {
  const file = join(into, path);
  mkdirSync(dirname(file), { recursive: true });
  const bundled = join(bundleFolder, `${nameOf(path)}.js`);
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
