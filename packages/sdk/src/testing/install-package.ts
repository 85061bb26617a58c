/** Puts the SDK into a folder as npm would: built, under both of its names. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
export const ALIAS_PACKAGE = fileURLToPath(new URL("../../../sdk-alias", import.meta.url));
const TSC = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

/** `folder` becomes a package of ES modules with the SDK in its node_modules. Returns where that is. */
export function installPackage(folder: string): string {
  const installed = join(folder, "node_modules/fastvm");
  mkdirSync(installed, { recursive: true });
  compile(PACKAGE, ["-p", "tsconfig.build.json", "--outDir", installed]);
  execFileSync(process.execPath, [join(PACKAGE, "src/packaging/write-manifest.ts"), installed]);
  // Copied: through a link it would look for fastvm in this workspace.
  cpSync(ALIAS_PACKAGE, join(folder, "node_modules/@fastvm/sdk"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  return installed;
}

/** Throws with the compiler's words when it complains. */
export function compile(cwd: string, args: readonly string[]): void {
  try {
    execFileSync(process.execPath, [TSC, ...args], { cwd, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const output = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
    throw new Error(`tsc failed:\n${output}`, { cause: error });
  }
}
