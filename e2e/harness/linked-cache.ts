/** A cache of a test's own that has what takes long to make. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { readConfig } from "@fastvm/daemon";

/** Beside the machine's own, so that layers are shared by hard link as they are in use. */
const ROOT = "/var/cache/fastvm-test";

/** By hard link from the machine's, where it has them. */
export async function fillCache(cacheDir: string): Promise<void> {
  for (const name of ["templates", "tsc-khz", "accelerator"]) {
    const from = join(readConfig({}, {}).cacheDir, name);
    await promisify(execFile)("cp", ["-al", from, cacheDir]).catch(() => undefined);
  }
}

/** A whole one, with the base image and the builder: nothing in it is anybody else's. The caller removes it. */
export async function ownCache(): Promise<string> {
  const shared = readConfig({}, {}).cacheDir;
  await mkdir(ROOT, { recursive: true });
  const cacheDir = await mkdtemp(join(ROOT, "cache-"));
  await using half = new AsyncDisposableStack();
  half.defer(() => rm(cacheDir, { recursive: true, force: true }));
  for (const kind of ["images", "builder"]) {
    const digest = await readlink(join(shared, kind, "current"));
    await mkdir(join(cacheDir, kind));
    await promisify(execFile)("cp", ["-al", join(shared, kind, digest), join(cacheDir, kind, digest)]);
    await symlink(digest, join(cacheDir, kind, "current"));
  }
  await fillCache(cacheDir);
  // It is whole, and the caller's.
  half.move();
  return cacheDir;
}
