/** What SFTP clients ask of files beyond the SDK's own verbs: links, real paths, attributes, folders by handle. */
import { posix } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { infoOf } from "./file-info.ts";
import type { FileVerbContext } from "./file-verb.ts";
import type { Payload } from "./frame.ts";
import { runInGuest } from "./guest-command.ts";
import { flagIn, mapIn, numberIn, textIn } from "./payload.ts";

type Verb = (call: FileVerbContext, fields: Payload) => Promise<Payload | null>;

/** Of one answer, where the client leaves it open. */
const DEFAULT_LIMIT = 128;

export const SFTP_VERBS: Readonly<Record<string, Verb>> = {
  Symlink: async ({ ctx }, fields) => {
    const target = textIn(fields, "target") ?? "";
    await runInGuest(ctx, ["ln", "-s", "-n", "--", target, pathIn(fields, "link_path")]);
    return null;
  },
  RealPath: async ({ ctx }, fields) => {
    const path = await runInGuest(ctx, ["readlink", "-f", "--", pathIn(fields)]);
    return { Path: path.replace(/\n$/, "") };
  },
  SetStat: async (call, fields) => {
    await setAttributes(call, pathIn(fields), mapIn(fields, "attrs"), flagIn(fields, "follow_symlink"));
    return null;
  },
  FSetStat: async (call, fields) => {
    const { path } = call.handles.get(numberIn(fields, "handle"));
    await setAttributes(call, path, mapIn(fields, "attrs"), true);
    return null;
  },
  FStat: async ({ files, handles, ctx }, fields) => {
    const { path } = handles.get(numberIn(fields, "handle"));
    return { Stat: infoOf(await files.info(ctx.vmId, path, { followLinks: true, signal: ctx.signal })) };
  },
  OpenDir: async ({ files, handles, ctx }, fields) => {
    const path = pathIn(fields);
    const { type } = await files.info(ctx.vmId, path, { followLinks: true, signal: ctx.signal });
    if (type !== "directory") throw new FastvmError("not_a_directory");
    return { Handle: BigInt(handles.add({ path, appends: false })) };
  },
  ReadDir: async ({ files, handles, ctx }, fields) => {
    const folder = handles.get(numberIn(fields, "handle"));
    const limit = numberIn(fields, "limit") ?? DEFAULT_LIMIT;
    if (folder.isRead === true) return { List: [] };
    const page = await files.list(ctx.vmId, folder.path, { limit, after: folder.after, signal: ctx.signal });
    folder.after = page.entries.at(-1)?.path;
    folder.isRead = !page.hasMore || folder.after === undefined;
    return { List: page.entries.map(infoOf) };
  },
};

/** In an order in which none undoes another: a size sets times, and an owner takes bits of a mode away. */
async function setAttributes(
  { files, ctx }: FileVerbContext,
  path: string,
  attributes: Payload,
  follows: boolean,
): Promise<void> {
  const number = (name: string) => numberIn(attributes, name);
  const run = (...command: string[]) => runInGuest(ctx, command);
  const itself = follows ? [] : ["-h"];
  const [size, uid, gid, mode] = [number("size"), number("uid"), number("gid"), number("mode")];
  if (size !== undefined) await run("truncate", "-s", String(size), path);
  if (uid !== undefined || gid !== undefined)
    await run("chown", ...itself, `${uid ?? ""}${gid === undefined ? "" : `:${gid}`}`, path);
  if (mode !== undefined) {
    const { type } = await files.info(ctx.vmId, path, { followLinks: follows, signal: ctx.signal });
    if (type === "symlink") throw new FastvmError("not_supported", "a link has no mode of its own");
    await files.setMode(ctx.vmId, path, mode & 0o7777, { signal: ctx.signal });
  }
  for (const [name, flag] of [
    ["atime", "-a"],
    ["mtime", "-m"],
  ] as const) {
    const seconds = number(name);
    if (seconds !== undefined) await run("touch", "-c", flag, ...itself, "-d", `@${seconds}`, path);
  }
}

function pathIn(fields: Payload, name = "path"): string {
  return posix.resolve("/", textIn(fields, name) ?? "");
}
