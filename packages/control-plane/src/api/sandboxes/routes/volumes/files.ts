/** /v1/volumes/{volumeId}/files: where it is, a header says, as a path need not be one of a URL. */
import { posix } from "node:path";
import type { IncomingHttpHeaders } from "node:http";
import { pipeline } from "node:stream/promises";
import { FastvmError, type FileInfo, type VolumeFileView } from "@fastvm/contract";
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { bodyOf, leaveUnread } from "../../../shared/unread-body.ts";
import type { SandboxesScope } from "../../sandboxes-scope.ts";
import { invalid } from "../../spec/invalid.ts";

const PATH_HEADER = "x-msb-file-path";
/** Of a page of the engine's. */
const PAGE = 1000;
const OWNER_WRITES = 0o200;
const DONE = (message: string) => ({ status: 200, body: { message } });

export function registerVolumeFiles(api: SandboxesScope): void {
  registerLooks(api);
  registerChanges(api);
  registerContents(api);
}

function registerLooks({ routes, engine: { volumes } }: SandboxesScope): void {
  routes.serve("listSandboxVolumeFiles", async ({ params, request, reply }, caller) => {
    const [path, signal] = [pathOf(request.headers), clientGone(reply)];
    const entries: VolumeFileView[] = [];
    for (let after: string | undefined, more = true; more;) {
      const page = await volumes.files.list(caller, params.volumeId, path, { limit: PAGE, after, signal });
      entries.push(...page.entries.map(fileView));
      after = page.entries.at(-1)?.path;
      more = page.hasMore && after !== undefined;
    }
    return { status: 200, body: { entries } };
  });
  routes.serve("statSandboxVolumeFile", async ({ params, request, reply }, caller) => {
    const options = { followLinks: true, signal: clientGone(reply) };
    const found = await volumes.files.info(caller, params.volumeId, pathOf(request.headers), options);
    return { status: 200, body: { metadata: fileView(found) } };
  });
  routes.serve("sandboxVolumeFileExists", async ({ params, request, reply }, caller) => {
    try {
      const options = { followLinks: true, signal: clientGone(reply) };
      await volumes.files.info(caller, params.volumeId, pathOf(request.headers), options);
      return { status: 200, body: { exists: true } };
    } catch (error) {
      if (!(error instanceof FastvmError) || error.code !== "file_not_found") throw error;
      return { status: 200, body: { exists: false } };
    }
  });
}

function registerChanges({ routes, engine: { volumes } }: SandboxesScope): void {
  routes.serve("removeSandboxVolumeFile", async ({ params, request, reply }, caller) => {
    const recursive = request.headers["x-msb-file-recursive"] === "true";
    const options = { recursive, signal: clientGone(reply) };
    await volumes.files.remove(caller, params.volumeId, pathOf(request.headers), options);
    return DONE("it was removed");
  });
  routes.serve("makeSandboxVolumeFolder", async ({ params, body, reply }, caller) => {
    try {
      await volumes.files.makeDir(caller, params.volumeId, absolute(body.path), {
        signal: clientGone(reply),
      });
    } catch (error) {
      // As in sandboxes, a folder that is there is no failure.
      if (!(error instanceof FastvmError) || error.code !== "file_exists") throw error;
      const { type } = await volumes.files.info(caller, params.volumeId, absolute(body.path), {});
      if (type !== "directory") throw error;
    }
    return DONE("it was made");
  });
  routes.serve("copySandboxVolumeFile", async ({ params, body, reply }, caller) => {
    const [from, to] = [absolute(body.from), absolute(body.to)];
    await volumes.files.copy(caller, params.volumeId, from, to, { signal: clientGone(reply) });
    return DONE("it was copied");
  });
  routes.serve("renameSandboxVolumeFile", async ({ params, body, reply }, caller) => {
    const [from, to] = [absolute(body.from), absolute(body.to)];
    await volumes.files.rename(caller, params.volumeId, from, to, { signal: clientGone(reply) });
    return DONE("it was renamed");
  });
}

function registerContents({ routes, engine: { volumes }, log }: SandboxesScope): void {
  routes.serve("readSandboxVolumeFile", async ({ params, request, reply }, caller) => {
    const signal = clientGone(reply);
    const path = pathOf(request.headers);
    const content = await volumes.files.read(caller, params.volumeId, path, { signal });
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "application/octet-stream" });
    try {
      await pipeline(content, reply.raw);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "a file of a volume was cut on its way to a client");
    }
    return ANSWERED;
  });
  routes.serve("writeSandboxVolumeFile", async ({ params, request, reply }, caller) => {
    try {
      const options = { signal: clientGone(reply) };
      const path = pathOf(request.headers);
      await volumes.files.write(caller, params.volumeId, path, bodyOf(request), options);
      return DONE("it was written");
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  });
}

/** Base64url of a path; an empty one is the volume itself. */
function pathOf(headers: IncomingHttpHeaders): string {
  const given = headers[PATH_HEADER];
  if (typeof given !== "string") throw invalid(PATH_HEADER, "is missing");
  if (!/^[\w-]*$/.test(given)) throw invalid(PATH_HEADER, "must be base64url without padding");
  const path = Buffer.from(given, "base64url").toString();
  if (path.includes("\0")) throw invalid(PATH_HEADER, "may not contain NUL");
  return absolute(path);
}

function absolute(path: string): string {
  return posix.resolve("/", path);
}

function fileView({ path, type, sizeBytes, mode, uid, gid, modifiedAtMs }: FileInfo): VolumeFileView {
  return {
    path,
    // Their clients know two kinds.
    kind: type === "directory" ? "directory" : "file",
    size: sizeBytes,
    mode,
    uid,
    gid,
    readonly: (mode & OWNER_WRITES) === 0,
    modified_at: new Date(modifiedAtMs).toISOString(),
  };
}
