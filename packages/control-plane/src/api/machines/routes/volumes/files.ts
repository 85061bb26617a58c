/** /v1/volumes/{volumeId}/files: the volume's own tree, whether a machine has it or not. */
import type { FileModeOptions } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { bodyOf, leaveUnread } from "../../../shared/unread-body.ts";
import { fileView, sendContent } from "../../files/file-view.ts";
import { listOptions, modeOf } from "../../files/file-queries.ts";
import { findVolume } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";

export function registerVolumeFiles(api: MachinesScope): void {
  registerLooks(api);
  registerChanges(api);
  registerContents(api);
}

function registerLooks({ routes, engine }: MachinesScope): void {
  routes.serve("listFilesOfVolume", async ({ params, query, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const options = listOptions(query, clientGone(reply));
    const { entries, hasMore } = await engine.volumes.files.list(caller, volume.id, pathIn(query), options);
    return { status: 200, body: { entries: entries.map(fileView), has_more: hasMore } };
  });
  routes.serve("getFileInfoOfVolume", async ({ params, query, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const options = { signal: clientGone(reply) };
    const found = await engine.volumes.files.info(caller, volume.id, pathIn(query), options);
    return { status: 200, body: fileView(found) };
  });
}

function registerChanges({ routes, engine }: MachinesScope): void {
  const { files } = engine.volumes;
  routes.serve("makeDirInVolume", async ({ params, body, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const made = await files.makeDir(caller, volume.id, body.path, modeOptions(body.mode, reply));
    return { status: 200, body: fileView(made) };
  });
  routes.serve("renameFileOfVolume", async ({ params, body, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const options = { signal: clientGone(reply) };
    const renamed = await files.rename(caller, volume.id, body.path, body.new_path, options);
    return { status: 200, body: fileView(renamed) };
  });
  routes.serve("setFilePermissionsOfVolume", async ({ params, body, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const mode = Number.parseInt(body.mode, 8);
    const options = { signal: clientGone(reply) };
    const changed = await files.setMode(caller, volume.id, body.path, mode, options);
    return { status: 200, body: fileView(changed) };
  });
  routes.serve("removeFileOfVolume", async ({ params, query, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const options = { recursive: String(query["recursive"]) === "true", signal: clientGone(reply) };
    await files.remove(caller, volume.id, pathIn(query), options);
    return { status: 200, body: { path: pathIn(query), removed: true } };
  });
}

function registerContents({ routes, engine, log }: MachinesScope): void {
  const { files } = engine.volumes;
  routes.serve("readFileOfVolume", async ({ params, query, reply }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const signal = clientGone(reply);
    const content = await files.read(caller, volume.id, pathIn(query), { signal });
    await sendContent(reply, content, (error) => {
      if (!signal.aborted) log.warn({ err: error }, "a file of a volume was cut on its way to a client");
    });
    return ANSWERED;
  });
  routes.serve("writeFileOfVolume", async ({ params, query, request, reply }, caller) => {
    try {
      const { volume } = await findVolume(engine, caller, params.volumeId);
      const { mode } = query;
      const options = modeOptions(typeof mode === "string" ? mode : undefined, reply);
      const written = await files.write(caller, volume.id, pathIn(query), bodyOf(request), options);
      return { status: 200, body: fileView(written) };
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  });
}

function modeOptions(mode: string | null | undefined, reply: FastifyReply): FileModeOptions {
  return { mode: modeOf(mode), signal: clientGone(reply) };
}

function pathIn(query: Readonly<Record<string, unknown>>): string {
  return String(query["path"]);
}
