/** Who may import what: packages point down only, and a few built-ins have one home each. */
import { dirname, join } from "node:path/posix";
import { isTestCode, type Finding, type SourceFile } from "./source-file.ts";

/** The workspace packages that each package's product code may import. */
const ALLOWED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  sdk: [],
  "sdk-alias": ["fastvm"],
  "egress-proxy": ["@fastvm/contract"],
  worker: ["@fastvm/contract", "@fastvm/egress-proxy"],
  "control-plane": ["@fastvm/contract", "@fastvm/egress-proxy"],
  edge: ["@fastvm/contract"],
  daemon: ["@fastvm/contract", "@fastvm/control-plane", "@fastvm/edge", "@fastvm/worker"],
  cli: ["fastvm", "fastvm/machines", "@fastvm/daemon"],
};

/** Modules that may start processes, besides tests and tools. Whatever a VM host runs goes through the first. */
const PROCESS_STARTERS: ReadonlySet<string> = new Set([
  "packages/worker/src/processes/spawn.ts",
  // The SDK stands alone and archives folders with the caller's tar.
  "packages/sdk/src/files/tar-process.ts",
  // Gives the terminal to the system's ssh.
  "packages/cli/src/commands/vm/ssh.ts",
]);

/** Where the environment is read; everything else is told. */
const ENVIRONMENT_READERS: ReadonlySet<string> = new Set([
  "packages/daemon/src/config.ts",
  // Hands the whole environment on to the daemon that it starts.
  "packages/daemon/src/start-daemon.ts",
  "packages/cli/src/settings/environment.ts",
  // Keeps most of it from tools.
  "packages/worker/src/processes/tool-environment.ts",
]);

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b(?:[^;"'`]*?\bfrom\b)?\s*["']([^"'\n]+)["']|\bimport\(\s*["']([^"'\n]+)["']/g;

export function importsOf(file: SourceFile): readonly string[] {
  return [...file.text.matchAll(IMPORT)].flatMap(([, fixed, dynamic]) => fixed ?? dynamic ?? []);
}

export function misplacedImports(files: readonly SourceFile[]): readonly Finding[] {
  return files.filter(isProduct).flatMap((file) => [...processStarts(file), ...environmentReads(file)]);
}

function isProduct(file: SourceFile): boolean {
  return file.path.startsWith("packages/") && file.path.endsWith(".ts") && !isTestCode(file.path);
}

function processStarts(file: SourceFile): readonly Finding[] {
  const starts = importsOf(file).some((name) => name === "node:child_process" || name === "child_process");
  if (!starts || PROCESS_STARTERS.has(file.path)) return [];
  return [`${file.path}: imports node:child_process; use packages/worker/src/processes/spawn.ts`];
}

function environmentReads(file: SourceFile): readonly Finding[] {
  if (!/\bprocess\.env\b/.test(file.text) || ENVIRONMENT_READERS.has(file.path)) return [];
  return [`${file.path}: reads process.env; take the value from the package's configuration module`];
}

export function wrongDirections(files: readonly SourceFile[]): readonly Finding[] {
  return files
    .filter((file) => file.path.endsWith(".ts"))
    .flatMap((file) => importsOf(file).flatMap((name) => wrongDirection(file, name) ?? []));
}

function wrongDirection(file: SourceFile, name: string): Finding | undefined {
  const own = packageOf(file.path);
  if (name.startsWith(".")) {
    const target = packageOf(join(dirname(file.path), name));
    if (own === target || own === undefined || target === undefined) return undefined;
    return `${file.path}: reaches into the package ${target} by path; import it by name`;
  }
  if (name !== "fastvm" && !name.startsWith("@fastvm/") && !name.startsWith("fastvm/")) return undefined;
  if (name.startsWith("@fastvm/cli")) return `${file.path}: imports the CLI, which nothing may; use the SDK`;
  if (own === undefined || isTestCode(file.path)) return undefined;
  const allowed = ALLOWED_PACKAGES[own] ?? [];
  if (allowed.includes(name)) return undefined;
  return `${file.path}: imports ${name}; the package ${own} may import ${allowed.join(", ") || "no workspace package"}`;
}

function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** Names that the system starts or that people run, so nothing need import them. */
const ENTRY_POINT = /(?:^|\/)(?:index|index\.d|main)\.ts$|\.test\.ts$|^[^/]+\.ts$/;

/** TypeScript files that no other file imports, starts or names by its path. */
export function unusedFiles(files: readonly SourceFile[]): readonly Finding[] {
  const used = new Set<string>();
  for (const file of files) {
    const folder = dirname(file.path);
    // Scripts, manifests and `new URL` name files by path; a name in any of them is a use.
    for (const [name] of file.text.matchAll(/[\w./-]+\.ts\b/g)) {
      const candidates = [join(folder, name), join(name), join(packageRoot(file.path), name)];
      for (const path of candidates) if (path !== file.path) used.add(path);
    }
  }
  return files
    .filter((file) => file.path.endsWith(".ts") && !file.path.endsWith(".d.ts"))
    .filter((file) => !ENTRY_POINT.test(file.path) && !used.has(file.path))
    .map((file) => `${file.path}: nothing imports it; delete it, or use it`);
}

function packageRoot(path: string): string {
  return /^packages\/[^/]+/.exec(path)?.[0] ?? "";
}
