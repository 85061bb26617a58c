/**
 * What happens in a folder of a volume, by looking again and again: those who write are guests of other hosts' making, whose kernels
 * tell us nothing, and the volume's server is asked as for a list. What begins and ends between two looks is not seen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, type FileEvent, type FileInfo, type FileListing } from "@fastvm/contract";

/** As often as who looks at a folder would; each look is a list of it. */
const LOOK_EVERY_MS = 1000;
const PAGE = 1000;
/** Of one watch: some hundred bytes each are kept, and each look asks for all of them. */
const MAX_WATCHED = 10_000;

/** One page of the folder, in the order of paths, behind a path. */
type List = (limit: number, after: string | undefined) => Promise<FileListing>;
type Seen = ReadonlyMap<string, FileInfo>;

/** Resolves when all that happens from then on is told. Rejects for a folder with more in it than is watched. */
export async function watchFolder(
  list: List,
  signal: AbortSignal,
  everyMs = LOOK_EVERY_MS,
): Promise<AsyncIterable<FileEvent>> {
  const first = await lookAt(list);
  if (first === undefined) {
    const rule = `a watch is of at most ${MAX_WATCHED} files and folders`;
    throw new FastvmError("invalid_request", rule, { field: "path" });
  }
  return eventsFrom(first, list, signal, everyMs);
}

async function* eventsFrom(
  first: Seen,
  list: List,
  signal: AbortSignal,
  everyMs: number,
): AsyncGenerator<FileEvent> {
  let before: Seen | undefined = first;
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    const now = await lookAt(list);
    if (before !== undefined && now !== undefined) yield* changesBetween(before, now);
    else if (before !== now) yield { type: "overflow", path: "" };
    before = now;
  }
}

/** `undefined` where there is too much. */
async function lookAt(list: List): Promise<Seen | undefined> {
  const seen = new Map<string, FileInfo>();
  for (let after: string | undefined; ;) {
    const { entries, hasMore } = await list(PAGE, after);
    for (const entry of entries) seen.set(entry.path, entry);
    if (seen.size > MAX_WATCHED) return undefined;
    after = entries.at(-1)?.path;
    if (!hasMore || after === undefined) return seen;
  }
}

/** In the order of paths. A new name for an old file is one that went and one that came. */
function* changesBetween(before: Seen, now: Seen): Generator<FileEvent> {
  for (const path of before.keys()) if (!now.has(path)) yield { type: "remove", path };
  for (const [path, file] of now) {
    const earlier = before.get(path);
    if (earlier === undefined) yield { type: "create", path };
    else if (earlier.type !== file.type) {
      yield { type: "remove", path };
      yield { type: "create", path };
    } else {
      if (file.type !== "directory" && hasOtherContent(earlier, file)) yield { type: "write", path };
      if (earlier.mode !== file.mode) yield { type: "chmod", path };
    }
  }
}

function hasOtherContent(one: FileInfo, other: FileInfo): boolean {
  return one.sizeBytes !== other.sizeBytes || one.modifiedAtMs !== other.modifiedAtMs;
}
