/**
 * A volume's tree as one call walks it: component by component, each looked up in its folder by the volume's own server. So a
 * link is followed
 * here, by what it says, from the volume's root, and nothing that changes meanwhile leads anywhere else.
 */
import { posix } from "node:path";
import type { FileInfo, FileType } from "@fastvm/contract";
import {
  decodeDirents,
  decodeEntry,
  decodeAttributesReply,
  decodeHandle,
  name as nameBody,
  Opcode,
  readBody,
  releaseBody,
  ROOT_NODE,
  words,
  type Attributes,
  type Entry,
} from "../server/fuse-wire.ts";
import type { FuseSession } from "../server/fuse-session.ts";
import { VolumeFileError } from "../server/volume-file-error.ts";

const [S_IFMT, S_IFREG, S_IFDIR, S_IFLNK] = [0o170000, 0o100000, 0o040000, 0o120000];
const PERMISSIONS = 0o7777;
/** As Linux: more links than these in one path are a circle. */
const MAX_LINKS = 40;
const LISTING_BYTES = 32 * 1024;

/** A place in a folder, whether there is something or not. */
export interface Place {
  readonly folder: bigint;
  /** Of the root: empty. */
  readonly name: string;
  readonly entry: Entry | undefined;
}

export class VolumeTree implements Disposable {
  readonly session: FuseSession;
  readonly #known: bigint[] = [];

  constructor(session: FuseSession) {
    this.session = session;
  }

  /** The server need not remember what this call has looked at. */
  [Symbol.dispose](): void {
    for (const node of this.#known) this.session.forget(node);
  }

  /** Of an answer that has an entry, which counts as one more look. */
  learn(entry: Entry): Entry {
    this.#known.push(entry.node);
    return entry;
  }

  /** `follow`: what a link at the very end leads to. */
  async place(path: string, { follow }: { readonly follow: boolean }): Promise<Place> {
    const left = path.split("/").filter((part) => part !== "" && part !== ".");
    const above: Entry[] = [];
    let here: Entry = await this.#root();
    let last: Place = { folder: ROOT_NODE, name: "", entry: here };
    for (let links = 0, part = left.shift(); part !== undefined; part = left.shift()) {
      if (part === "..") {
        here = above.pop() ?? here;
        last = { folder: here.node, name: "", entry: here };
        continue;
      }
      if (!isFolder(here.attributes)) throw new VolumeFileError("ENOTDIR");
      const entry = await this.look(here.node, part);
      last = { folder: here.node, name: part, entry };
      const isLast = left.length === 0;
      if (entry === undefined) {
        if (!isLast) throw new VolumeFileError("ENOENT");
        return last;
      }
      if (typeOf(entry.attributes) === "symlink" && (!isLast || follow)) {
        if (++links > MAX_LINKS) throw new VolumeFileError("ELOOP");
        const target = await this.target(entry);
        left.unshift(...target.split("/").filter((each) => each !== "" && each !== "."));
        if (target.startsWith("/")) {
          here = await this.#root();
          above.length = 0;
        }
        last = { folder: here.node, name: "", entry: here };
        continue;
      }
      above.push(here);
      here = entry;
    }
    return last;
  }

  /** What is there. */
  async require(path: string, options: { readonly follow: boolean }): Promise<Entry> {
    const { entry } = await this.place(path, options);
    if (entry === undefined) throw new VolumeFileError("ENOENT");
    return entry;
  }

  async look(folder: bigint, part: string): Promise<Entry | undefined> {
    try {
      const entry = decodeEntry(await this.session.ask(Opcode.LOOKUP, folder, nameBody(part)));
      // How some servers say that there is nothing.
      return entry.node === 0n ? undefined : this.learn(entry);
    } catch (error) {
      if (error instanceof VolumeFileError && error.errno === "ENOENT") return undefined;
      throw error;
    }
  }

  async target({ node }: Entry): Promise<string> {
    return (await this.session.ask(Opcode.READLINK, node)).toString();
  }

  /** The names in a folder, in no order. */
  async *names(folder: bigint): AsyncGenerator<string> {
    const handle = decodeHandle(await this.session.ask(Opcode.OPENDIR, folder, words(0, 0)));
    try {
      for (let offset = 0n; ;) {
        const body = await this.session.ask(Opcode.READDIR, folder, readBody(handle, offset, LISTING_BYTES));
        const found = decodeDirents(body);
        const next = found.at(-1);
        if (next === undefined) return;
        offset = next.offset;
        for (const { name } of found) if (name !== "." && name !== "..") yield name;
      }
    } finally {
      await this.session.ask(Opcode.RELEASEDIR, folder, releaseBody(handle));
    }
  }

  async infoOf(path: string, entry: Entry): Promise<FileInfo> {
    const { attributes } = entry;
    const type = typeOf(attributes);
    const { sizeBytes, modifiedAtMs, uid, gid, mode } = attributes;
    return {
      path: posix.normalize(path),
      type,
      mode: mode & PERMISSIONS,
      sizeBytes,
      modifiedAtMs,
      uid,
      gid,
      ...(type === "symlink" ? { linkTarget: await this.target(entry) } : {}),
    };
  }

  async #root(): Promise<Entry> {
    const attributes = decodeAttributesReply(
      await this.session.ask(Opcode.GETATTR, ROOT_NODE, words(0, 0, 0, 0)),
    );
    return { node: ROOT_NODE, attributes };
  }
}

export function typeOf({ mode }: Attributes): FileType {
  const type = mode & S_IFMT;
  if (type === S_IFREG) return "file";
  if (type === S_IFDIR) return "directory";
  return type === S_IFLNK ? "symlink" : "other";
}

export function isFolder(attributes: Attributes): boolean {
  return typeOf(attributes) === "directory";
}
