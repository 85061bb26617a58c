/** Contents of files of a volume. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { posix } from "node:path";
import {
  createBody,
  decodeCreated,
  decodeHandle,
  name,
  Opcode,
  readBody,
  releaseBody,
  renameBody,
  setattrBody,
  words,
  writeBody,
  type Attributes,
} from "../server/fuse-wire.ts";
import { VolumeFileError } from "../server/volume-file-error.ts";
import { makeFolders } from "./folders.ts";
import { isFolder, typeOf, type Place, type VolumeTree } from "./volume-tree.ts";

/** What one message carries. */
const PIECE_BYTES = 256 * 1024;
const FILE_MODE = 0o644;
const PERMISSIONS = 0o7777;

/** A file that is written, beside its place and under a name that nobody chooses. */
const ASIDE_PREFIX = ".fastvm-";

/** Reads the first piece before it resolves; `done` is called when nobody reads any more. */
export async function openToRead(
  tree: VolumeTree,
  path: string,
  done: () => void,
): Promise<AsyncIterable<Uint8Array>> {
  const { node, attributes } = await tree.require(path, { follow: true });
  if (isFolder(attributes)) throw new VolumeFileError("EISDIR");
  // Whoever opens a pipe waits for its other end.
  if (typeOf(attributes) !== "file") throw new VolumeFileError("EINVAL");
  const { session } = tree;
  const handle = decodeHandle(await session.ask(Opcode.OPEN, node, words(constants.O_RDONLY, 0)));
  const piece = (offset: number) =>
    session.ask(Opcode.READ, node, readBody(handle, BigInt(offset), PIECE_BYTES));
  let first: Buffer | undefined;
  try {
    first = await piece(0);
  } catch (error) {
    await session.ask(Opcode.RELEASE, node, releaseBody(handle)).catch(() => undefined);
    throw error;
  }
  return (async function* () {
    try {
      for (let offset = 0, bytes = first; bytes.length > 0; bytes = await piece(offset)) {
        offset += bytes.length;
        yield bytes;
      }
    } finally {
      await session.ask(Opcode.RELEASE, node, releaseBody(handle)).catch(() => undefined);
      done();
    }
  })();
}

export async function writeWhole(
  tree: VolumeTree,
  path: string,
  content: AsyncIterable<Uint8Array>,
  { mode, signal }: { readonly mode?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  await makeFolders(tree, posix.dirname(posix.normalize(path)));
  const place = await tree.place(path, { follow: true });
  const before = place.entry?.attributes;
  if (place.name === "" || (before !== undefined && isFolder(before))) throw new VolumeFileError("EISDIR");
  const aside = `${ASIDE_PREFIX}${randomUUID()}`;
  const { session } = tree;
  try {
    await fill(tree, place, aside, content, { before, mode, signal });
    await session.ask(Opcode.RENAME2, place.folder, renameBody(place.folder, aside, place.name));
  } catch (error) {
    await session.ask(Opcode.UNLINK, place.folder, name(aside)).catch(() => undefined);
    throw error;
  }
}

/** Of what a link leads to. */
export async function setModeAt(tree: VolumeTree, path: string, mode: number): Promise<void> {
  const { node } = await tree.require(path, { follow: true });
  await tree.session.ask(Opcode.SETATTR, node, setattrBody({ mode }));
}

interface Filling {
  readonly before: Attributes | undefined;
  readonly mode: number | undefined;
  readonly signal: AbortSignal | undefined;
}

async function fill(
  tree: VolumeTree,
  place: Place,
  aside: string,
  content: AsyncIterable<Uint8Array>,
  { before, mode, signal }: Filling,
): Promise<void> {
  const { session } = tree;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const wanted = mode ?? (before === undefined ? FILE_MODE : before.mode & PERMISSIONS);
  const created = decodeCreated(
    await session.ask(Opcode.CREATE, place.folder, createBody(flags, wanted, aside)),
  );
  const { node } = tree.learn(created.entry);
  const { handle } = created;
  try {
    let offset = 0;
    for await (const chunk of content) {
      signal?.throwIfAborted();
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        const bytes = chunk.subarray(at, at + PIECE_BYTES);
        await session.ask(Opcode.WRITE, node, writeBody(handle, BigInt(offset), bytes));
        offset += bytes.length;
      }
    }
    // The owner first: changing it takes setuid and setgid away.
    if (before !== undefined) await session.ask(Opcode.SETATTR, node, setattrBody({ owner: before }));
    await session.ask(Opcode.SETATTR, node, setattrBody({ mode: wanted }));
    await session.ask(Opcode.FSYNC, node, Buffer.concat([releaseBody(handle).subarray(0, 8), words(0, 0)]));
  } finally {
    await session.ask(Opcode.RELEASE, node, releaseBody(handle)).catch(() => undefined);
  }
}
