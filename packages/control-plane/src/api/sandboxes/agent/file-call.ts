/** Something done with a file: `core.fs.*`. Its one answer is its last frame. */
import { posix } from "node:path";
import { FastvmError } from "@fastvm/contract";
import type { AgentCall, AgentContext } from "./agent-context.ts";
import type { FileHandles } from "./file-handles.ts";
import { infoOf } from "./file-info.ts";
import { MAX_CHUNK_BYTES, type Payload } from "./frame.ts";
import { osError } from "./os-error.ts";
import { bytesIn, flagIn, mapIn, numberIn, textIn } from "./payload.ts";
import { SFTP_VERBS } from "./sftp-verbs.ts";
import { Upload } from "./upload.ts";

/** Of a page of the engine's. */
const PAGE = 1000;

type Data = Payload | null;
type Verb = (call: FileCall, fields: Payload) => Promise<Data>;

export class FileCall implements AgentCall {
  readonly ended: Promise<void>;
  readonly ctx: AgentContext;
  readonly handles: FileHandles;
  readonly upload = new Upload();

  constructor(ctx: AgentContext, handles: FileHandles, request: Payload) {
    this.ctx = ctx;
    this.handles = handles;
    this.ended = this.#run(mapIn(request, "op"));
  }

  async receive(type: string, payload: Payload): Promise<void> {
    if (type === "core.fs.data") await this.upload.push(bytesIn(payload, "data"));
  }

  get files() {
    return this.ctx.engine.files;
  }

  async #run(op: Payload): Promise<void> {
    const [name = ""] = Object.keys(op);
    const verb = VERBS[name];
    let answer: Payload;
    try {
      if (verb === undefined) throw new FastvmError("not_supported", `the file verb ${name}`);
      answer = { ok: true, error: null, data: await verb(this, mapIn(op, name)) };
    } catch (error) {
      answer = { ok: false, error: osError(STEPS[name] ?? name.toLowerCase(), error), data: null };
    } finally {
      this.upload.stop();
    }
    if (!this.ctx.signal.aborted) await this.ctx.send("core.fs.response", answer);
  }
}

/** What the client's error names as what failed. */
const STEPS: Readonly<Record<string, string>> = {
  OpenDir: "opendir",
  OpenFile: "open",
  CloseHandle: "close",
  List: "readdir",
  RemoveDir: "remove_dir",
  SetStat: "setstat",
  RealPath: "realpath",
  ReadLink: "readlink",
};

const VERBS: Readonly<Record<string, Verb>> = {
  Stat: async ({ files, ctx }, fields) => {
    const options = { followLinks: flagIn(fields, "follow_symlink"), signal: ctx.signal };
    return { Stat: infoOf(await files.info(ctx.vmId, pathIn(fields), options)) };
  },
  List: async (call, fields) => ({ List: await listed(call, pathIn(fields)) }),
  OpenFile: open,
  CloseHandle: async ({ handles }, fields) => {
    handles.remove(numberIn(fields, "handle"));
    return null;
  },
  Read: read,
  Write: write,
  Mkdir: async ({ files, ctx }, fields) => {
    const mode = numberIn(fields, "mode");
    try {
      await files.makeDir(ctx.vmId, pathIn(fields), { mode, signal: ctx.signal });
    } catch (error) {
      if (!(error instanceof FastvmError) || error.code !== "file_exists") throw error;
      const { type } = await files.info(ctx.vmId, pathIn(fields), { followLinks: true });
      if (type !== "directory") throw error;
    }
    return null;
  },
  Remove: async ({ files, ctx }, fields) => {
    const { type } = await files.info(ctx.vmId, pathIn(fields), { signal: ctx.signal });
    if (type === "directory") throw new FastvmError("is_a_directory");
    await files.remove(ctx.vmId, pathIn(fields), { signal: ctx.signal });
    return null;
  },
  RemoveDir: async ({ files, ctx }, fields) => {
    const { type } = await files.info(ctx.vmId, pathIn(fields), { signal: ctx.signal });
    if (type !== "directory") throw new FastvmError("not_a_directory");
    const recursive = flagIn(fields, "recursive");
    await files.remove(ctx.vmId, pathIn(fields), { recursive, signal: ctx.signal });
    return null;
  },
  Rename: async ({ files, ctx }, fields) => {
    await files.rename(ctx.vmId, pathIn(fields, "src"), pathIn(fields, "dst"), { signal: ctx.signal });
    return null;
  },
  Copy: async ({ files, ctx }, fields) => {
    const { vmId, signal } = ctx;
    const from = pathIn(fields, "src");
    const { mode } = await files.info(vmId, from, { followLinks: true, signal });
    await files.write(vmId, pathIn(fields, "dst"), await files.read(vmId, from, { signal }), {
      mode,
      signal,
    });
    return null;
  },
  ReadLink: async ({ files, ctx }, fields) => {
    const { linkTarget } = await files.info(ctx.vmId, pathIn(fields), { signal: ctx.signal });
    if (linkTarget === undefined) throw new FastvmError("file_failed", "Invalid argument (os error 22)");
    return { Path: linkTarget };
  },
  ...SFTP_VERBS,
};

/** As the client gave it; what is relative begins at the root. */
function pathIn(fields: Payload, name = "path"): string {
  return posix.resolve("/", textIn(fields, name) ?? "");
}

async function listed({ files, ctx }: FileCall, path: string): Promise<Payload[]> {
  const found: Payload[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await files.list(ctx.vmId, path, { limit: PAGE, after, signal: ctx.signal });
    found.push(...page.entries.map(infoOf));
    after = page.entries.at(-1)?.path;
    if (!page.hasMore || after === undefined) return found;
  }
}

async function open({ files, handles, ctx }: FileCall, fields: Payload): Promise<Data> {
  const path = pathIn(fields);
  const options = mapIn(fields, "options");
  const makes = flagIn(options, "create") || flagIn(options, "create_new");
  const { vmId, signal } = ctx;
  const info = await infoIfAny(() => files.info(vmId, path, { followLinks: true, signal }));
  if (info === undefined && !makes) throw new FastvmError("file_not_found");
  if (info !== undefined && flagIn(options, "create_new")) throw new FastvmError("file_exists");
  if (info?.type === "directory") throw new FastvmError("is_a_directory");
  if (info === undefined || (flagIn(options, "truncate") && info.sizeBytes > 0)) {
    await files.write(vmId, path, nothing(), { mode: numberIn(options, "mode"), signal });
  }
  return { Handle: BigInt(handles.add({ path, appends: flagIn(options, "append") })) };
}

async function infoIfAny<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof FastvmError && error.code === "file_not_found") return undefined;
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A file that has nothing in it.
}

/** From an offset on, as much as is asked for. */
async function read({ files, handles, ctx }: FileCall, fields: Payload): Promise<Data> {
  const { path } = handles.get(numberIn(fields, "handle"));
  let toSkip = numberIn(fields, "offset") ?? 0;
  let toSend = numberIn(fields, "len") ?? Number.MAX_SAFE_INTEGER;
  for await (const chunk of await files.read(ctx.vmId, path, { signal: ctx.signal })) {
    const part = Buffer.from(chunk).subarray(Math.min(toSkip, chunk.length)).subarray(0, toSend);
    toSkip -= Math.min(toSkip, chunk.length);
    toSend -= part.length;
    for (let at = 0; at < part.length; at += MAX_CHUNK_BYTES) {
      await ctx.send("core.fs.data", { data: part.subarray(at, at + MAX_CHUNK_BYTES) });
    }
    if (toSend === 0) break;
  }
  return null;
}

/** What is before and behind the part that is written stays: the engine writes files whole. */
async function write({ files, handles, ctx, upload }: FileCall, fields: Payload): Promise<Data> {
  const { path, appends } = handles.get(numberIn(fields, "handle"));
  const { vmId, signal } = ctx;
  const { sizeBytes } = await files.info(vmId, path, { followLinks: true, signal });
  const offset = appends ? sizeBytes : (numberIn(fields, "offset") ?? 0);
  const expected = numberIn(fields, "len");
  const part = async function* (from: number, until: number): AsyncGenerator<Uint8Array> {
    let at = 0;
    if (from >= until) return;
    for await (const chunk of await files.read(vmId, path, { signal })) {
      const piece = chunk.subarray(Math.max(0, from - at), Math.max(0, until - at));
      at += chunk.length;
      if (piece.length > 0) yield piece;
      if (at >= until) return;
    }
  };
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield* part(0, Math.min(offset, sizeBytes));
    yield* zeros(offset - sizeBytes);
    yield* upload;
    if (expected !== undefined && upload.bytes !== expected) {
      const counts = `expected ${expected}, wrote ${upload.bytes}`;
      throw new FastvmError("file_failed", `write length mismatch: ${counts}`);
    }
    yield* part(offset + upload.bytes, sizeBytes);
  };
  await files.write(vmId, path, content(), { signal });
  return null;
}

function* zeros(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= MAX_CHUNK_BYTES)
    yield new Uint8Array(Math.min(left, MAX_CHUNK_BYTES));
}
