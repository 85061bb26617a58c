/**
 * The folder of somebody who follows the pages: the clone's command and examples, the
 * package as npm packs it, files to copy, and an old Node.
 */
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPackage } from "../../packages/sdk/src/testing/install-package.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The oldest that the pages promise; who has not installed it for tests may have it from the system. */
const NODE_20 = [join(ROOT, ".fastvm/runtimes/node_modules/node20/bin/node"), "/usr/bin/node"];

export interface ReaderFolder {
  readonly path: string;
  /** With `fastvm` and `node` before what the system has. */
  readonly searchPath: string;
}

/** `parent` is on the filesystem of data folders, so that copies of these share what they share. */
export async function makeReaderFolder(parent: string): Promise<ReaderFolder> {
  const node = NODE_20.find((file) => existsSync(file));
  if (node === undefined) throw new Error("There is no Node 20: run tools/setup.sh --tests");
  const path = await mkdtemp(join(parent, "reader-"));
  installPackage(path);
  cpSync(join(ROOT, "examples"), join(path, "examples"), { recursive: true });
  mkdirSync(join(path, "src"));
  writeFileSync(join(path, "src/main.py"), "print('hello')\n");
  writeFileSync(join(path, "config.toml"), "answer = 42\n");
  mkdirSync(join(path, "bin"));
  symlinkSync(node, join(path, "bin/node"));
  for (const place of ["fastvm", "bin/fastvm"]) symlinkSync(join(ROOT, "fastvm"), join(path, place));
  return { path, searchPath: `${join(path, "bin")}:${process.env["PATH"] ?? ""}` };
}
