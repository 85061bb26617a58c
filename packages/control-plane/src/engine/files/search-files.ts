/**
 * Looking for text in many files of a VM, and changing it, by the verbs that there are for one. Text is taken as it stands: a pattern of
 * a stranger's could keep this process busy for as long as they like.
 */
import { posix } from "node:path";
import { FastvmError, type FileInfo, type VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";
import { GuestFiles } from "./guest-files.ts";

/** Each is listed, a page at a time. */
const MAX_LOOKED = 10_000;
/** Each is a call to the guest, of some milliseconds; clients give up after a minute. */
const MAX_READ = 2000;
/** What people write is shorter, and it is in memory while it is looked through. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_LINE_SHOWN = 1000;
const PAGE = 1000;
const MAX_DEPTH = 2048;
/** It went, or is nobody's business, since the list was made. */
const PASSED = new Set(["file_not_found", "permission_denied", "not_a_directory", "is_a_directory"]);

interface SearchOrder {
  readonly path: string;
  /** Of files: `*` is any text, `?` any letter. */
  readonly name: string | undefined;
  readonly isCaseSensitive: boolean;
  readonly isPassedOver: (path: string) => boolean;
  readonly signal: AbortSignal;
}

interface FileMatch {
  readonly path: string;
  readonly line: number | undefined;
  readonly text: string | undefined;
}

interface Found<Item> {
  readonly items: readonly Item[];
  readonly truncated: boolean;
}

export class FileSearch {
  readonly #files: GuestFiles;

  constructor(ctx: Parts<"worker">) {
    this.#files = new GuestFiles(ctx);
  }

  /** Of names where there is no text. In the order of paths and lines. */
  async find(
    vmId: VmId,
    order: SearchOrder & { readonly text: string | undefined; readonly limit: number },
  ): Promise<Found<FileMatch>> {
    const { text, limit } = order;
    const items: FileMatch[] = [];
    const { files, truncated } = await this.#named(vmId, order);
    if (text === undefined) {
      const named = files.map(({ path }) => ({ path, line: undefined, text: undefined }));
      return { items: named.slice(0, limit), truncated: truncated || named.length > limit };
    }
    const isAll = await this.#eachText(vmId, files, order, (path, content) => {
      const wanted = occurrences(text, order.isCaseSensitive);
      for (const [at, line] of content.split("\n").entries()) {
        if (wanted(line).length > 0) items.push({ path, line: at + 1, text: line.slice(0, MAX_LINE_SHOWN) });
      }
      return Promise.resolve(items.length <= limit);
    });
    return { items: items.slice(0, limit), truncated: truncated || !isAll };
  }

  async replace(
    vmId: VmId,
    order: SearchOrder & { readonly text: string; readonly replacement: string; readonly isDry: boolean },
  ): Promise<Found<{ readonly path: string; readonly replacements: number }>> {
    const items: { path: string; replacements: number }[] = [];
    const { files, truncated } = await this.#named(vmId, order);
    const wanted = occurrences(order.text, order.isCaseSensitive);
    const isAll = await this.#eachText(vmId, files, order, async (path, content, { mode }) => {
      const places = wanted(content);
      if (places.length === 0) return true;
      items.push({ path, replacements: places.length });
      if (order.isDry) return true;
      const changed = replaced(content, places, order.text.length, order.replacement);
      await this.#files.write(vmId, path, once(Buffer.from(changed)), { mode, signal: order.signal });
      return true;
    });
    return { items, truncated: truncated || !isAll };
  }

  async #named(vmId: VmId, { path, name, isPassedOver, signal }: SearchOrder) {
    const files: FileInfo[] = [];
    let looked = 0;
    for (let after: string | undefined; ;) {
      const options = { depth: MAX_DEPTH, limit: PAGE, after, signal };
      const { entries, hasMore } = await this.#files.list(vmId, path, options);
      looked += entries.length;
      for (const entry of entries) {
        const isMeant = name === undefined || matches(name, posix.basename(entry.path));
        if (entry.type === "file" && isMeant && !isPassedOver(entry.path)) files.push(entry);
      }
      after = entries.at(-1)?.path;
      if (!hasMore || after === undefined) return { files, truncated: false };
      if (looked >= MAX_LOOKED) return { files, truncated: true };
    }
  }

  /** Whether it came to the end of them. `look` says whether it wants more. */
  async #eachText(
    vmId: VmId,
    files: readonly FileInfo[],
    { signal }: SearchOrder,
    look: (path: string, content: string, file: FileInfo) => Promise<boolean>,
  ): Promise<boolean> {
    const texts = files.filter(({ sizeBytes }) => sizeBytes > 0 && sizeBytes <= MAX_FILE_BYTES);
    for (const file of texts.slice(0, MAX_READ)) {
      const content = await this.#textOf(vmId, file.path, signal);
      if (content !== undefined && !(await look(file.path, content, file))) return false;
    }
    return texts.length <= MAX_READ;
  }

  /** `undefined` of what is no text, or is not there any more. */
  async #textOf(vmId: VmId, path: string, signal: AbortSignal): Promise<string | undefined> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const chunk of await this.#files.read(vmId, path, { signal })) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > MAX_FILE_BYTES) return undefined;
      }
      const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        Buffer.concat(chunks),
      );
      return content.includes("\0") ? undefined : content;
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      if (error instanceof FastvmError && PASSED.has(error.code)) return undefined;
      throw error;
    }
  }
}

/** Where it begins, each behind the end of the one before. */
function occurrences(text: string, isCaseSensitive: boolean): (content: string) => readonly number[] {
  // Letter by letter, so that places in the one are places in the other.
  const fold = (of: string) =>
    isCaseSensitive ? of : of.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  const wanted = fold(text);
  return (content) => {
    const within = fold(content);
    const places: number[] = [];
    for (let at = within.indexOf(wanted); at >= 0; at = within.indexOf(wanted, at + wanted.length))
      places.push(at);
    return places;
  };
}

function replaced(content: string, places: readonly number[], length: number, replacement: string): string {
  const kept = [0, ...places.map((at) => at + length)].map((from, at) => content.slice(from, places[at]));
  return kept.join(replacement);
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

/** Goes back to the last star alone, so it takes no longer than one letter for each of the other's. */
function matches(pattern: string, name: string): boolean {
  let [at, in_, star, from] = [0, 0, -1, 0];
  while (in_ < name.length) {
    if (pattern[at] === "*") [star, from, at] = [at, in_, at + 1];
    else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === name[in_]))
      [at, in_] = [at + 1, in_ + 1];
    else if (star >= 0) [at, in_, from] = [star + 1, from + 1, from + 1];
    else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
