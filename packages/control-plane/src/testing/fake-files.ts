/** The files of the fake worker's VMs: a tree each, in memory, with the answers that a guest would give. No links. */
import { posix } from "node:path";
import { on, EventEmitter } from "node:events";
import {
  FastvmError,
  type ErrorCode,
  type FileEvent,
  type FileEventType,
  type FileInfo,
  type FileListing,
  type ListFilesOptions,
  type RecursiveOptions,
  type VmId,
} from "@fastvm/contract";

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

export class FakeFiles {
  /** Of what was written, by `VM:path`. */
  readonly contents = new Map<string, Buffer>();
  /** Modes of folders that were made. */
  readonly #folders = new Map<string, number>();
  readonly #modes = new Map<string, number>();
  readonly #events = new EventEmitter();

  info(vmId: VmId, path: string): FileInfo {
    const key = keyOf(vmId, path);
    const content = this.contents.get(key);
    const about = { path, modifiedAtMs: 0, uid: 0, gid: 0 };
    if (content !== undefined) {
      return { ...about, type: "file", mode: this.#modes.get(key) ?? FILE_MODE, sizeBytes: content.length };
    }
    if (!this.#isFolder(key)) throw failure("file_not_found", path);
    return { ...about, type: "directory", mode: this.#folders.get(key) ?? FOLDER_MODE, sizeBytes: 0 };
  }

  list(vmId: VmId, path: string, { depth = 1, limit, after = "" }: ListFilesOptions): FileListing {
    const folder = this.info(vmId, path);
    if (folder.type !== "directory") throw failure("not_a_directory", path);
    if (depth === 0) return { entries: [folder], hasMore: false };
    const names = new Set<string>();
    for (const key of this.#below(keyOf(vmId, path))) {
      const parts = key.slice(keyOf(vmId, path).length).split("/").filter(Boolean);
      for (let n = 1; n <= Math.min(parts.length, depth); n++) {
        names.add(posix.join(path, ...parts.slice(0, n)));
      }
    }
    const found = [...names].filter((name) => name > after).toSorted();
    const entries = found.slice(0, limit).map((name) => this.info(vmId, name));
    return { entries, hasMore: found.length > limit };
  }

  makeFolder(vmId: VmId, path: string, mode = FOLDER_MODE): void {
    if (this.#exists(vmId, path)) throw failure("file_exists", path);
    this.#folders.set(keyOf(vmId, path), mode);
    this.#tell(vmId, "create", path);
  }

  remove(vmId: VmId, path: string, { recursive = false }: RecursiveOptions): void {
    const below = this.#below(keyOf(vmId, path));
    if (this.info(vmId, path).type === "directory" && below.length > 0 && !recursive) {
      throw failure("folder_not_empty", path);
    }
    for (const key of [...below, keyOf(vmId, path)]) {
      this.contents.delete(key);
      this.#folders.delete(key);
    }
    this.#tell(vmId, "remove", path);
  }

  rename(vmId: VmId, path: string, newPath: string): void {
    this.info(vmId, path);
    const [from, to] = [keyOf(vmId, path), keyOf(vmId, newPath)];
    // Into itself: the guest's kernel says EINVAL.
    if (to.startsWith(`${from}/`)) throw failure("file_failed", path);
    for (const all of [this.contents, this.#folders, this.#modes] as Map<string, unknown>[]) {
      for (const [key, value] of [...all]) {
        if (key !== from && !key.startsWith(`${from}/`)) continue;
        all.delete(key);
        all.set(to + key.slice(from.length), value);
      }
    }
    this.#tell(vmId, "rename", path);
    this.#tell(vmId, "rename", newPath);
  }

  setMode(vmId: VmId, path: string, mode: number): void {
    const isFolder = this.info(vmId, path).type === "directory";
    (isFolder ? this.#folders : this.#modes).set(keyOf(vmId, path), mode);
    this.#tell(vmId, "chmod", path);
  }

  read(vmId: VmId, path: string): Buffer {
    if (this.info(vmId, path).type === "directory") throw failure("is_a_directory", path);
    return this.contents.get(keyOf(vmId, path)) ?? Buffer.alloc(0);
  }

  write(vmId: VmId, path: string, content: Buffer, mode?: number): void {
    const key = keyOf(vmId, path);
    if (!this.contents.has(key)) this.#tell(vmId, "create", path);
    this.contents.set(key, content);
    if (mode !== undefined) this.#modes.set(key, mode);
    this.#tell(vmId, "write", path);
  }

  watch(vmId: VmId, path: string, { recursive, signal }: RecursiveOptions): AsyncIterable<FileEvent> {
    if (this.info(vmId, path).type !== "directory") throw failure("not_a_directory", path);
    const told = on(this.#events, vmId, { signal });
    return (async function* () {
      try {
        for await (const [event] of told as AsyncIterable<[FileEvent]>) {
          const isBelow = event.path.startsWith(`${path}/`);
          if (recursive === true ? isBelow : posix.dirname(event.path) === path) yield event;
        }
      } catch (error) {
        throw signal?.aborted === true ? signal.reason : error;
      }
    })();
  }

  #tell(vmId: VmId, type: FileEventType, path: string): void {
    this.#events.emit(vmId, { type, path } satisfies FileEvent);
  }

  #below(key: string): string[] {
    const prefix = key.endsWith("/") ? key : `${key}/`;
    return [...this.contents.keys(), ...this.#folders.keys()].filter((other) => other.startsWith(prefix));
  }

  #exists(vmId: VmId, path: string): boolean {
    return this.contents.has(keyOf(vmId, path)) || this.#isFolder(keyOf(vmId, path));
  }

  #isFolder(key: string): boolean {
    return this.#folders.has(key) || /:\/(?:root|tmp)?$/.test(key) || this.#below(key).length > 0;
  }
}

function keyOf(vmId: VmId, path: string): string {
  return `${vmId}:${path}`;
}

function failure(code: ErrorCode, path: string): FastvmError {
  return new FastvmError(code, path, { field: "path" });
}
