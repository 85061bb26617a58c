/** The routes under /v1/vms/{vmId}/files that look into the VM itself. */
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { bodyOf, leaveUnread } from "../../../shared/unread-body.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { fileInfoView } from "../../views/file-info.ts";
import { sendFileEvents } from "../file-events.ts";
import { DEFAULT_LIMIT, isSet, modeOf, pathIn, sendBytes, textIn } from "../file-requests.ts";
import { absolute } from "./absolute-path.ts";

const RULE = "files are reached in a running VM";

export function registerGuestFiles(api: FastvmScope): void {
  registerLooks(api);
  registerChanges(api);
  registerContents(api);
  registerWatch(api);
}

function registerLooks({ routes, engine }: FastvmScope): void {
  routes.serve("listFiles", async ({ params, query, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const { entries, hasMore } = await engine.files.list(id, pathIn(query), {
      depth: Number(query["depth"] ?? 1),
      limit: Number(query["limit"] ?? DEFAULT_LIMIT),
      after: textIn(query, "after"),
      signal: clientGone(reply),
    });
    return { status: 200, body: { entries: entries.map(fileInfoView), hasMore } };
  });
  routes.serve("statFile", async ({ params, query, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const options = { followLinks: isSet(query, "followLinks"), signal: clientGone(reply) };
    return { status: 200, body: fileInfoView(await engine.files.info(id, pathIn(query), options)) };
  });
}

function registerChanges({ routes, engine }: FastvmScope): void {
  routes.serve("makeDir", async ({ params, body, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const options = { mode: modeOf(body.mode), signal: clientGone(reply) };
    const made = await engine.files.makeDir(id, absolute(body.path), options);
    return { status: 201, body: fileInfoView(made) };
  });
  routes.serve("removeFile", async ({ params, body, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const options = { recursive: body.recursive === true, signal: clientGone(reply) };
    await engine.files.remove(id, absolute(body.path), options);
    return { status: 204, body: undefined };
  });
  routes.serve("renameFile", async ({ params, body, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const [path, newPath] = [absolute(body.path), absolute(body.newPath)];
    const renamed = await engine.files.rename(id, path, newPath, { signal: clientGone(reply) });
    return { status: 200, body: fileInfoView(renamed) };
  });
  routes.serve("setFileMode", async ({ params, body, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const mode = Number.parseInt(body.mode, 8);
    const changed = await engine.files.setMode(id, absolute(body.path), mode, { signal: clientGone(reply) });
    return { status: 200, body: fileInfoView(changed) };
  });
}

function registerContents({ routes, engine, log }: FastvmScope): void {
  routes.serve("readFile", async ({ params, query, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const signal = clientGone(reply);
    const content = await engine.files.read(id, pathIn(query), { signal });
    try {
      await sendBytes(reply, content);
    } catch (error) {
      // The answer has begun: that it breaks off says that it is not whole.
      if (!signal.aborted) log.warn({ err: error, vmId: id }, "a file was cut on its way to a client");
    }
    return ANSWERED;
  });
  routes.serve("writeFile", async ({ params, query, request, reply }, caller) => {
    try {
      const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
      const options = { mode: modeOf(textIn(query, "mode")), signal: clientGone(reply) };
      const written = await engine.files.write(id, pathIn(query), bodyOf(request), options);
      return { status: 200, body: fileInfoView(written) };
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  });
}

function registerWatch({ routes, engine, config, log }: FastvmScope): void {
  routes.serve("watchFiles", async ({ params, query, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, RULE);
    const gone = clientGone(reply);
    const options = { recursive: isSet(query, "recursive"), signal: gone };
    const source = await engine.files.watch(id, pathIn(query), options);
    await sendFileEvents(reply, { source, gone, heartbeatMs: config.streamHeartbeatMs }, (error) =>
      log.warn({ err: error, vmId: id }, "a watch was cut"),
    );
    return ANSWERED;
  });
}
