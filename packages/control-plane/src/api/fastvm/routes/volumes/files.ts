/** /v1/volumes/{volumeId}/files. */
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { bodyOf, leaveUnread } from "../../../shared/unread-body.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { fileInfoView } from "../../views/file-info.ts";
import { sendFileEvents } from "../file-events.ts";
import { DEFAULT_LIMIT, isSet, modeOf, sendBytes, textIn } from "../file-requests.ts";

export function registerVolumeFiles(api: FastvmScope): void {
  registerLooks(api);
  registerChanges(api);
  registerContents(api);
  registerWatch(api);
}

function registerLooks({ routes, engine: { volumes } }: FastvmScope): void {
  routes.serve("listVolumeFiles", async ({ params, query, reply }, caller) => {
    const { entries, hasMore } = await volumes.files.list(caller, params.volumeId, String(query["path"]), {
      depth: Number(query["depth"] ?? 1),
      limit: Number(query["limit"] ?? DEFAULT_LIMIT),
      after: textIn(query, "after"),
      signal: clientGone(reply),
    });
    return { status: 200, body: { entries: entries.map(fileInfoView), hasMore } };
  });
  routes.serve("statVolumeFile", async ({ params, query, reply }, caller) => {
    const options = { followLinks: isSet(query, "followLinks"), signal: clientGone(reply) };
    const found = await volumes.files.info(caller, params.volumeId, String(query["path"]), options);
    return { status: 200, body: fileInfoView(found) };
  });
}

function registerChanges({ routes, engine: { volumes } }: FastvmScope): void {
  routes.serve("makeVolumeDir", async ({ params, body, reply }, caller) => {
    const options = { mode: modeOf(body.mode), signal: clientGone(reply) };
    const made = await volumes.files.makeDir(caller, params.volumeId, body.path, options);
    return { status: 201, body: fileInfoView(made) };
  });
  routes.serve("removeVolumeFile", async ({ params, body, reply }, caller) => {
    const options = { recursive: body.recursive === true, signal: clientGone(reply) };
    await volumes.files.remove(caller, params.volumeId, body.path, options);
    return { status: 204, body: undefined };
  });
  routes.serve("renameVolumeFile", async ({ params, body, reply }, caller) => {
    const options = { signal: clientGone(reply) };
    const renamed = await volumes.files.rename(caller, params.volumeId, body.path, body.newPath, options);
    return { status: 200, body: fileInfoView(renamed) };
  });
  routes.serve("copyVolumeFile", async ({ params, body, reply }, caller) => {
    const options = { signal: clientGone(reply) };
    const copied = await volumes.files.copy(caller, params.volumeId, body.path, body.newPath, options);
    return { status: 201, body: fileInfoView(copied) };
  });
}

function registerContents({ routes, engine: { volumes }, log }: FastvmScope): void {
  routes.serve("readVolumeFile", async ({ params, query, reply }, caller) => {
    const signal = clientGone(reply);
    const content = await volumes.files.read(caller, params.volumeId, String(query["path"]), { signal });
    try {
      await sendBytes(reply, content);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "a file of a volume was cut on its way to a client");
    }
    return ANSWERED;
  });
  routes.serve("writeVolumeFile", async ({ params, query, request, reply }, caller) => {
    try {
      const options = { mode: modeOf(textIn(query, "mode")), signal: clientGone(reply) };
      const path = String(query["path"]);
      const written = await volumes.files.write(caller, params.volumeId, path, bodyOf(request), options);
      return { status: 200, body: fileInfoView(written) };
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  });
}

function registerWatch({ routes, engine: { volumes }, config, log }: FastvmScope): void {
  routes.serve("watchVolumeFiles", async ({ params, query, reply }, caller) => {
    const gone = clientGone(reply);
    const options = { recursive: isSet(query, "recursive"), signal: gone };
    const source = await volumes.files.watch(caller, params.volumeId, String(query["path"]), options);
    await sendFileEvents(reply, { source, gone, heartbeatMs: config.streamHeartbeatMs }, (error) =>
      log.warn({ err: error }, "a watch of a volume was cut"),
    );
    return ANSWERED;
  });
}
