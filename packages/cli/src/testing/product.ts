/** The bundles of this clone, which ./fastvm runs as well (packaging/for-clone): a daemon of them starts with half the work. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PRODUCT = join(ROOT, ".fastvm", "product");
const MADE = join(PRODUCT, "made");

let isCurrent: boolean | undefined;

/** One of its programs, such as `fastvm` and `serve-entry`; `undefined` where they are not made, or a source is newer. */
export function bundled(program: string): string | undefined {
  isCurrent ??= existsSync(MADE) && !hasNewerSource();
  return isCurrent ? join(PRODUCT, "bundle", `${program}.js`) : undefined;
}

function hasNewerSource(): boolean {
  const packages = readdirSync(join(ROOT, "packages")).map((name) => join(ROOT, "packages", name, "src"));
  const others = ["packaging", "package-lock.json"].map((name) => join(ROOT, name));
  const sources = [...packages, ...others].filter((path) => existsSync(path));
  const args = [...sources, "-newer", MADE, "-print", "-quit"];
  return execFileSync("find", args).length > 0;
}
