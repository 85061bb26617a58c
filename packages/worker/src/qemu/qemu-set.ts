/**
 * The QEMU that a captured state was made with: its binary, its module, its firmware, in one folder. Device state is
 * promised to be read only by the QEMU that wrote it, and a distribution replaces that one with every security fix. So
 * each state and each VM has the set it belongs to in its own folder; hard links are the reference counts, as with layers.
 *
 *   qemu/
 *     qemu-system-x86_64
 *     accel-tcg-x86_64.so     where TCG is a module; it starts with a binary of the same build only
 *     bios-microvm.bin …      what the machine loads
 *
 * Shared libraries are the host's: a distribution keeps their interfaces for as long as a release
 * lives. After a change of releases a set may not start any more, and what needs it says so.
 */
import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, chmod, copyFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import { publishFolder, replaceFileDurably, syncTree } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { runTool } from "../processes/spawn.ts";
import type { Exposed, NamespaceKind } from "../processes/confine.ts";
import type { QemuProgram } from "./qemu-program.ts";
import { readQemuVersion } from "./qemu-version.ts";

/** In the folder of a VM and of a captured state. */
export const QEMU_FOLDER = "qemu";
export const QEMU_BINARY = "qemu-system-x86_64";
export const TCG_MODULE = "accel-tcg-x86_64.so";
/** The first for a machine that waits for a state, the others for one that boots a kernel. Those that are installed. */
export const FIRMWARE = [
  "bios-microvm.bin",
  "linuxboot_dma.bin",
  "linuxboot.bin",
  "pvh.bin",
  "kvmvapic.bin",
] as const;
const FILES: readonly string[] = [QEMU_BINARY, TCG_MODULE, ...FIRMWARE];

/** Users of VMs pass through the folder and execute what is in it; it is in folders that only they reach. */
const FOLDER_MODE = 0o711;
const FILE_MODE = 0o555;
/** Beside the set's folder in the store. */
const DESCRIPTION_FILE = "set.json";
const DUMP_TIMEOUT_MS = 10_000;
/** What a build writes into its binary and its modules, which refuse each other without it: this and 40 digits. */
const STAMP = "qemu_stamp_";
const STAMP_BYTES = STAMP.length + 40;

/** Where a QEMU has the set, in a root of its own. */
const INSIDE = `/${QEMU_FOLDER}`;

/** What a state says of the QEMU that it was captured with. */
export interface QemuIdentity {
  /** As it tells it, for people. */
  readonly version: string;
  /** Of the set's content. */
  readonly digest: string;
  /** Digest of how this QEMU writes the state of each device it knows. */
  readonly deviceStates: string;
}

export interface QemuSet extends QemuIdentity {
  /** It has the set in its folder `qemu`. */
  readonly holder: string;
}

/**
 * Takes the installed QEMU into `store`, by content, and forgets those of earlier starts there: who needs
 * them has links of its own. They are copies, so that whatever is done to the files of a data folder is
 * not done to the system's. One that was copied while its package was being replaced is refused.
 */
export async function keepInstalledQemu(installed: QemuProgram, store: string): Promise<QemuSet> {
  const files = await locate(installed);
  const digest = await inspect(files);
  const holder = join(store, digest);
  await mkdir(store, { recursive: true, mode: CLOSED_FOLDER_MODE });
  for (const other of await readdir(store)) {
    if (other !== digest) await rm(join(store, other), { recursive: true, force: true });
  }
  if (!(await hasQemu(holder))) await copyInto(store, files, digest);
  return { ...(await describe(holder, digest)), holder };
}

/** Gives `to` the set that `from` has; both are folders of VMs or captured states. */
export async function linkQemu(from: string, to: string): Promise<void> {
  await mkdir(join(to, QEMU_FOLDER));
  await chmod(join(to, QEMU_FOLDER), FOLDER_MODE);
  const link = async (name: string): Promise<void> => {
    await linkOrCopy(join(from, QEMU_FOLDER, name), join(to, QEMU_FOLDER, name));
  };
  await Promise.all(FILES.map((name) => orAbsent(link(name))));
}

export function identityOf({ version, digest, deviceStates }: QemuSet): QemuIdentity {
  return { version, digest, deviceStates };
}

/**
 * How a QEMU is called by who starts it in its VM's folder, with these namespaces: the
 * folder itself is not to be executed from where it need not be.
 */
export function programIn(namespaces: ReadonlySet<NamespaceKind>): { path: string; folder: string } {
  const folder = namespaces.has("mount") ? INSIDE : `./${QEMU_FOLDER}`;
  return { path: `${folder}/${QEMU_BINARY}`, folder };
}

/** What a QEMU with a root of its own needs to see of it. */
export function exposedQemu(vmFolder: string): Exposed {
  return { path: join(vmFolder, QEMU_FOLDER), as: INSIDE };
}

/** Whether the folder has a set. One captured by an older version or brought from elsewhere has none. */
export async function hasQemu(holder: string): Promise<boolean> {
  return (await orAbsent(access(join(holder, QEMU_FOLDER, QEMU_BINARY)).then(() => true))) === true;
}

type FilePaths = ReadonlyMap<string, string>;

async function locate({ path, moduleFolder, firmwareFolders }: QemuProgram): Promise<FilePaths> {
  const files = new Map([[QEMU_BINARY, path]]);
  const candidates = [
    ...(moduleFolder === undefined ? [] : [join(moduleFolder, TCG_MODULE)]),
    ...FIRMWARE.flatMap((name) => firmwareFolders.map((folder) => join(folder, name))),
  ];
  for (const candidate of candidates) {
    const isThere = (await orAbsent(access(candidate).then(() => true))) === true;
    // The first folder that has it counts, as QEMU searches.
    if (isThere && !files.has(basename(candidate))) files.set(basename(candidate), candidate);
  }
  return files;
}

/** The digest of a set that is one. */
async function inspect(files: FilePaths): Promise<string> {
  const hash = createHash("sha256");
  const stamps = new Map<string, string>();
  for (const [name, path] of files) {
    const content = await readFile(path);
    hash.update(`${name} ${content.length}\n`).update(content);
    const at = content.indexOf(STAMP);
    if (at >= 0) stamps.set(name, content.toString("latin1", at, at + STAMP_BYTES));
  }
  if (stamps.has(TCG_MODULE) && stamps.get(TCG_MODULE) !== stamps.get(QEMU_BINARY)) {
    throw new Error("QEMU and its module accel-tcg are of different builds; is its package being replaced?");
  }
  return hash.digest("hex");
}

async function copyInto(store: string, files: FilePaths, digest: string): Promise<void> {
  const partial = join(store, `${randomUUID()}.partial`);
  const folder = join(partial, QEMU_FOLDER);
  await mkdir(folder, { recursive: true, mode: CLOSED_FOLDER_MODE });
  const copies = new Map([...files.keys()].map((name) => [name, join(folder, name)]));
  for (const [name, path] of files) {
    const to = join(folder, name);
    await copyFile(path, to, constants.COPYFILE_FICLONE);
    await chmod(to, FILE_MODE);
  }
  if ((await inspect(copies)) !== digest) throw new Error("QEMU was replaced while it was being copied");
  // A set that is there is taken for whole by each later start.
  await syncTree(partial);
  await publishFolder(partial, join(store, digest));
}

/** Asked of each QEMU once: it takes a fifth of a second. */
async function describe(holder: string, digest: string): Promise<QemuIdentity> {
  const path = join(holder, DESCRIPTION_FILE);
  const known = await orAbsent(readFile(path, "utf8"));
  if (known !== undefined) return JSON.parse(known) as QemuIdentity;
  const version = await readQemuVersion(join(holder, QEMU_FOLDER, QEMU_BINARY));
  const identity = { version, digest, deviceStates: await digestOfDeviceStates(holder) };
  await replaceFileDurably(path, JSON.stringify(identity));
  return identity;
}

async function digestOfDeviceStates(holder: string): Promise<string> {
  const dump = join(holder, "device-states.json");
  const folder = join(holder, QEMU_FOLDER);
  const machine = ["-M", "microvm", "-accel", "tcg", "-accel", "kvm", "-nodefaults", "-display", "none"];
  await runTool(join(folder, QEMU_BINARY), [...machine, "-L", folder, "-dump-vmstate", dump], {
    timeoutMs: DUMP_TIMEOUT_MS,
    env: { QEMU_MODULE_DIR: folder },
  });
  const digest = createHash("sha256")
    .update(await readFile(dump))
    .digest("hex");
  await rm(dump);
  return digest;
}

/** `undefined` where a file is not there. */
async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
