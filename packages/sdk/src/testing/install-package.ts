/** Puts the SDK into a folder as its users do: packed by npm and installed by npm, under both of its names. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentWith } from "../client-config.ts";

const REPOSITORY = fileURLToPath(new URL("../../../..", import.meta.url));
const PACKAGE = join(REPOSITORY, "packages/sdk");
export const ALIAS_PACKAGE = join(REPOSITORY, "packages/sdk-alias");
const TSC = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
/** What a folder for packing needs of the repository around the package. */
const AROUND = ["LICENSE", "tsconfig.json"];
/** Made by whoever has packed here before. */
const NOT_SOURCES = ["dist", "build", "node_modules"].map((name) => join(PACKAGE, name));

export interface InstalledPackage {
  /** Where the SDK lies in the folder's node_modules. */
  readonly folder: string;
  readonly tarball: string;
}

/** `folder` becomes a package of ES modules with the SDK in its node_modules. */
export function installPackage(folder: string): InstalledPackage {
  // Packed from a copy: while npm packs, the manifest is another, and other tests run from these sources.
  const repository = join(folder, ".repository");
  const copy = join(repository, "packages/sdk");
  mkdirSync(copy, { recursive: true });
  for (const name of AROUND) cpSync(join(REPOSITORY, name), join(repository, name));
  symlinkSync(join(REPOSITORY, "node_modules"), join(repository, "node_modules"));
  cpSync(PACKAGE, copy, { recursive: true, filter: (path) => !NOT_SOURCES.includes(path) });
  const tarballs = [copy, ALIAS_PACKAGE].map((source) => npmPack(source, folder));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  npm(folder, ["install", "--offline", "--no-audit", "--no-fund", ...tarballs]);
  return { folder: join(folder, "node_modules/fastvm"), tarball: tarballs[0] ?? "" };
}

function npmPack(source: string, target: string): string {
  const output = npm(source, ["pack", "--json", "--pack-destination", target]);
  // The scripts that npm runs print before it.
  const name = /"filename": "([^"]+)"/.exec(output)?.[1];
  if (name === undefined) throw new Error(`npm pack said: ${output}`);
  return join(target, name);
}

/** The project's own if it has one: packing runs sources, which older versions of Node do not. */
function npm(cwd: string, args: readonly string[]): string {
  const path = `${join(REPOSITORY, ".fastvm/toolchain/bin")}:${environmentWith({})["PATH"] ?? ""}`;
  return run("npm", args, cwd, path);
}

/** Throws with the compiler's words when it complains. */
export function compile(cwd: string, args: readonly string[]): void {
  run(process.execPath, [TSC, ...args], cwd);
}

function run(program: string, args: readonly string[], cwd: string, path?: string): string {
  try {
    const env = environmentWith(path === undefined ? {} : { PATH: path });
    return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const [stdout, stderr] =
      error instanceof Error && "stdout" in error && "stderr" in error ? [error.stdout, error.stderr] : [];
    throw new Error(`${args.join(" ")} failed:\n${String(stdout)}${String(stderr)}`, { cause: error });
  }
}
