/** A QEMU as it is installed: where its parts are, and which of the host's libraries it needs to see. */
import { access, readdir, realpath } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { runTool } from "../processes/spawn.ts";
import { isErrno } from "../files/errno.ts";
import type { Exposed } from "../processes/confine.ts";

export interface QemuProgram {
  /** Absolute. */
  readonly path: string;
  /** Its loadable modules, if it has any; TCG itself can be one. */
  readonly moduleFolder: string | undefined;
  /** In the order in which they are searched. */
  readonly firmwareFolders: readonly string[];
  /** Shared libraries and what finds them. */
  readonly libraries: readonly Exposed[];
}

const TOOL_TIMEOUT_MS = 10_000;
const LINKER_CACHE = "/etc/ld.so.cache";
/** Where modules lie beside the libraries. */
const MODULES = "qemu";
/** And from the binary's folder, where QEMU looks first. */
const RELATIVE_MODULES = ["../lib/x86_64-linux-gnu/qemu", "../lib64/qemu", "../lib/qemu"] as const;
const MODULE_SUFFIX = ".so";

/** Finds out what the QEMU of that name in the search path, or at that path, consists of. */
export async function findQemuProgram(name: string): Promise<QemuProgram> {
  const path = await realpath(await which(name));
  const [linked, firmware] = await Promise.all([
    runTool("ldd", [path], { timeoutMs: TOOL_TIMEOUT_MS }),
    runTool(path, ["-L", "help"], { timeoutMs: TOOL_TIMEOUT_MS }),
  ]);
  const { folders, loader } = parseLinked(linked);
  return {
    path,
    moduleFolder: await firstWithModules([
      ...RELATIVE_MODULES.map((folder) => join(dirname(path), folder)),
      ...folders.map((folder) => join(folder, MODULES)),
    ]),
    firmwareFolders: await existing(firmware.split("\n").filter(Boolean).map(normalize)),
    libraries: (await existing([...folders, ...loader, LINKER_CACHE])).map((each) => ({ path: each })),
  };
}

/**
 * `name => /path (address)` of libraries, `/path (address)` of the loader. Whole folders:
 * a module may need other libraries than the binary.
 */
function parseLinked(output: string): { folders: readonly string[]; loader: readonly string[] } {
  const libraries = [...output.matchAll(/=> (\/\S+) \(/g)].map(([, path = ""]) => path);
  const loader = [...output.matchAll(/^\s*(\/\S+) \(/gm)].map(([, path = ""]) => path);
  return { folders: [...new Set(libraries.map((path) => dirname(path)))], loader };
}

async function which(name: string): Promise<string> {
  return (
    await runTool("sh", ["-c", 'command -v -- "$1"', "sh", name], { timeoutMs: TOOL_TIMEOUT_MS })
  ).trim();
}

async function existing(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_path, index) => found[index]);
}

async function firstWithModules(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    try {
      if ((await readdir(folder)).some((name) => name.endsWith(MODULE_SUFFIX))) return folder;
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
    }
  }
  return undefined;
}
