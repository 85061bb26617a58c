/** Folders of a volume: made with those above them, listed with those below, removed with all that is in them. */
import { posix } from "node:path";
import type { FileListing, ListFilesOptions } from "@fastvm/contract";
import { PageOfPaths } from "../../files/page-of-paths.ts";
import { decodeEntry, mkdirBody, name, Opcode, renameBody, type Entry } from "../server/fuse-wire.ts";
import { VolumeFileError } from "../server/volume-file-error.ts";
import { isFolder, type VolumeTree } from "./volume-tree.ts";

const FOLDER_MODE = 0o755;

/** Those that are missing. */
export async function makeFolders(tree: VolumeTree, path: string): Promise<void> {
  const { entry } = await placeOrMissing(tree, path);
  if (entry !== undefined) {
    if (!isFolder(entry.attributes)) throw new VolumeFileError("ENOTDIR");
    return;
  }
  await makeFolders(tree, posix.dirname(path));
  await makeOne(tree, path, FOLDER_MODE).catch((error: unknown) => {
    // Somebody else was faster.
    if (!(error instanceof VolumeFileError && error.errno === "EEXIST")) throw error;
  });
}

async function placeOrMissing(
  tree: VolumeTree,
  path: string,
): Promise<{ readonly entry: Entry | undefined }> {
  try {
    return await tree.place(path, { follow: true });
  } catch (error) {
    if (error instanceof VolumeFileError && error.errno === "ENOENT") return { entry: undefined };
    throw error;
  }
}

export async function makeFolder(tree: VolumeTree, path: string, mode = FOLDER_MODE): Promise<void> {
  const normal = posix.normalize(path);
  if (normal === "/") throw new VolumeFileError("EEXIST");
  await makeFolders(tree, posix.dirname(normal.replace(/\/$/, "")));
  await makeOne(tree, normal, mode);
}

async function makeOne(tree: VolumeTree, path: string, mode: number): Promise<void> {
  const place = await tree.place(path, { follow: false });
  if (place.name === "" || place.entry !== undefined) throw new VolumeFileError("EEXIST");
  tree.learn(decodeEntry(await tree.session.ask(Opcode.MKDIR, place.folder, mkdirBody(mode, place.name))));
}

export async function listFolder(
  tree: VolumeTree,
  path: string,
  { depth = 1, limit, after, signal }: ListFilesOptions,
): Promise<FileListing> {
  const page = new PageOfPaths(limit, after);
  const normal = posix.normalize(path).replace(/(?<=.)\/$/, "");
  const folder = await tree.require(normal, { follow: true });
  if (depth === 0) page.add(await tree.infoOf(normal, folder));
  else if (!isFolder(folder.attributes)) throw new VolumeFileError("ENOTDIR");
  else await addBelow(tree, { path: normal, folder: folder.node, depth, page, signal });
  return page.listing();
}

interface Below {
  readonly path: string;
  readonly folder: bigint;
  readonly depth: number;
  readonly page: PageOfPaths;
  readonly signal: AbortSignal | undefined;
}

async function addBelow(tree: VolumeTree, { path, folder, depth, page, signal }: Below): Promise<void> {
  for await (const child of tree.names(folder)) {
    signal?.throwIfAborted();
    const entry = await tree.look(folder, child);
    // It went between the two.
    if (entry === undefined) continue;
    const at = posix.join(path, child);
    page.add(await tree.infoOf(at, entry));
    if (depth > 1 && isFolder(entry.attributes)) {
      await addBelow(tree, { path: at, folder: entry.node, depth: depth - 1, page, signal });
    }
  }
}

/** A link itself, and not what it leads to. */
export async function removeAt(
  tree: VolumeTree,
  path: string,
  { recursive, signal }: { readonly recursive: boolean; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { folder, name: own, entry } = await tree.place(path, { follow: false });
  if (entry === undefined) throw new VolumeFileError("ENOENT");
  if (own === "") throw new VolumeFileError("EBUSY");
  await removeEntry(tree, { folder, own, entry, recursive, signal });
}

interface Removal {
  readonly folder: bigint;
  readonly own: string;
  readonly entry: Entry;
  readonly recursive: boolean;
  readonly signal: AbortSignal | undefined;
}

async function removeEntry(tree: VolumeTree, removal: Removal): Promise<void> {
  const { folder, own, entry, recursive, signal } = removal;
  const { session } = tree;
  if (!isFolder(entry.attributes)) return void (await session.ask(Opcode.UNLINK, folder, name(own)));
  if (recursive) {
    const children = await Array.fromAsync(tree.names(entry.node));
    for (const child of children) {
      signal?.throwIfAborted();
      const below = await tree.look(entry.node, child);
      if (below === undefined) continue;
      await removeEntry(tree, { folder: entry.node, own: child, entry: below, recursive, signal });
    }
  }
  await session.ask(Opcode.RMDIR, folder, name(own));
}

export async function renameAt(tree: VolumeTree, path: string, newPath: string): Promise<void> {
  const from = await tree.place(path, { follow: false });
  if (from.entry === undefined) throw new VolumeFileError("ENOENT");
  await makeFolders(tree, posix.dirname(posix.normalize(newPath).replace(/(?<=.)\/$/, "")));
  const to = await tree.place(newPath, { follow: false });
  if (from.name === "" || to.name === "") throw new VolumeFileError("EBUSY");
  await tree.session.ask(Opcode.RENAME2, from.folder, renameBody(to.folder, from.name, to.name));
}
