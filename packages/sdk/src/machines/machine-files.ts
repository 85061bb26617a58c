/** `machine.files`: files of a running machine, without its shell. */
import type { Content } from "../http/http-client.ts";
import { contentOf, wholeOf } from "../files/read-content.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import { MachineError, machineErrorOf } from "./machine-error.ts";
import { DirWatch } from "./dir-watch.ts";
import type { MachineFile } from "./types.ts";

/** Of a list, as many as the server gives at once. */
const PAGE = 1000;

interface FileList {
  readonly entries: readonly MachineFile[];
  readonly hasMore: boolean;
}

interface ModeOptions extends CallOptions {
  /** Octal, such as "0644". */
  readonly mode?: string | undefined;
}

export class MachineFiles {
  readonly #connection: MachineConnection;
  readonly #path: string;
  readonly #machine: string;

  /** `owner`: the path of the machine, or of a volume, which has no watches and no permissions. */
  constructor(connection: MachineConnection, owner: string) {
    this.#connection = connection;
    this.#machine = owner;
    this.#path = `${this.#machine}/files`;
  }

  /** As UTF-8, with U+FFFD for what is none. */
  async readText(path: string, options: CallOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.read(path, options));
  }

  async read(path: string, options: CallOptions = {}): Promise<Uint8Array> {
    return wholeOf(this.stream(path, options));
  }

  /** Its bytes as they come, of any length. */
  async *stream(path: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const answer = await this.#connection.open(`${this.#path}/content`, { query: { path }, ...options });
    try {
      yield* contentOf(answer);
    } catch (error) {
      throw machineErrorOf(error);
    }
  }

  /** Resolves when all that happens in the folder from then on is told. */
  async watchDir(
    path: string,
    { recursive = false, signal }: CallOptions & { readonly recursive?: boolean } = {},
  ): Promise<DirWatch> {
    const watch = new DirWatch(this.#connection.config, this.#machine, { path, recursive }, signal);
    await watch.begin();
    return watch;
  }

  /** Whole or not at all, with the folders above it. */
  write(path: string, content: Content, { mode, signal }: ModeOptions = {}): Promise<MachineFile> {
    const call = { query: { path, mode }, content, signal };
    return this.#connection.call("PUT", `${this.#path}/content`, call);
  }

  /** What is in a folder, and with `depth` in the folders below it, in the order of paths. */
  async list(
    path: string,
    { depth = 0, signal }: CallOptions & { readonly depth?: number } = {},
  ): Promise<readonly MachineFile[]> {
    const found: MachineFile[] = [];
    for (;;) {
      const query = { path, depth, limit: PAGE, after: found.at(-1)?.path };
      const { entries, hasMore } = await this.#connection.call<FileList>("GET", this.#path, {
        query,
        signal,
      });
      found.push(...entries);
      if (!hasMore) return found;
    }
  }

  info(path: string, options: CallOptions = {}): Promise<MachineFile> {
    return this.#connection.call("GET", `${this.#path}/info`, { query: { path }, ...options });
  }

  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.info(path, options);
      return true;
    } catch (error) {
      if (error instanceof MachineError && error.code === "file_not_found") return false;
      throw error;
    }
  }

  /** With those above it. Fine where it is there. */
  makeDir(path: string, { mode, signal }: ModeOptions = {}): Promise<MachineFile> {
    return this.#connection.call("POST", `${this.#path}/mkdir`, { body: { path, mode }, signal });
  }

  rename(path: string, newPath: string, options: CallOptions = {}): Promise<MachineFile> {
    const call = { body: { path, newPath }, once: true, ...options };
    return this.#connection.call("POST", `${this.#path}/rename`, call);
  }

  /** A file, or a folder: one that is not empty with `recursive`. */
  async remove(
    path: string,
    { recursive, signal }: CallOptions & { readonly recursive?: boolean } = {},
  ): Promise<void> {
    await this.#connection.raw("DELETE", this.#path, { query: { path, recursive }, once: true, signal });
  }

  /** Octal, such as "0644". */
  setPermissions(path: string, mode: string, options: CallOptions = {}): Promise<MachineFile> {
    return this.#connection.call("POST", `${this.#path}/permissions`, { body: { path, mode }, ...options });
  }
}
