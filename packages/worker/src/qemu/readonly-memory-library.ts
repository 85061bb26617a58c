/**
 * The library that is preloaded into QEMUs which would open memory files for writing. It may
 * come from a place that a QEMU's user cannot even pass through, such as a clone in root's home:
 * it is mounted into QEMU's root or, where QEMU has none of its own, copied into its folder.
 */
import { chmod, copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Exposed, NamespaceKind } from "../processes/confine.ts";

const FILE = "readonly-memory.so";
/** Built under root's umask it could be root's alone. */
const MODE = 0o555;

interface Preloaded {
  readonly env: Readonly<Record<string, string>>;
  readonly exposed: readonly Exposed[];
}

export async function preloadLibrary(
  library: string | undefined,
  folder: string,
  namespaces: ReadonlySet<NamespaceKind>,
): Promise<Preloaded> {
  if (library === undefined) return { env: {}, exposed: [] };
  if (namespaces.has("mount")) {
    if (((await stat(library)).mode & MODE) !== MODE) await chmod(library, MODE);
    const as = `/${FILE}`;
    return { env: { LD_PRELOAD: as }, exposed: [{ path: library, as }] };
  }
  const copy = join(folder, FILE);
  await copyFile(library, copy);
  await chmod(copy, MODE);
  return { env: { LD_PRELOAD: `./${FILE}` }, exposed: [] };
}
