/** /v1/machines/{machineId}/files: in the machine itself, without its shell. */
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { bodyOf, leaveUnread } from "../../../shared/unread-body.ts";
import { listOptions, modeOf } from "../../files/file-queries.ts";
import { fileView, sendContent } from "../../files/file-view.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { machinePath } from "../../machine-path.ts";
import { runningMachine } from "./running-machine.ts";

type Query = Readonly<Record<string, unknown>>;

export function registerFiles(api: MachinesScope): void {
  registerLooks(api);
  registerChanges(api);
  registerContents(api);
}

function registerLooks(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("listMachineFiles", async ({ params, query, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const options = listOptions(query, clientGone(reply));
    const { entries, hasMore } = await engine.files.list(id, pathIn(query), options);
    return { status: 200, body: { entries: entries.map(fileView), has_more: hasMore } };
  });
  routes.serve("getMachineFileInfo", async ({ params, query, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const info = await engine.files.info(id, pathIn(query), { signal: clientGone(reply) });
    return { status: 200, body: fileView(info) };
  });
}

function registerChanges(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("makeMachineDir", async ({ body, params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const options = { mode: modeOf(body.mode), signal: clientGone(reply) };
    return { status: 200, body: fileView(await engine.files.makeDir(id, checked(body.path), options)) };
  });
  routes.serve("renameMachineFile", async ({ body, params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const [path, newPath] = [checked(body.path), checked(body.new_path, "new_path")];
    const renamed = await engine.files.rename(id, path, newPath, { signal: clientGone(reply) });
    return { status: 200, body: fileView(renamed) };
  });
  routes.serve("setMachineFilePermissions", async ({ body, params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const mode = Number.parseInt(body.mode, 8);
    const changed = await engine.files.setMode(id, checked(body.path), mode, { signal: clientGone(reply) });
    return { status: 200, body: fileView(changed) };
  });
  routes.serve("removeMachineFile", async ({ params, query, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const path = pathIn(query);
    const recursive = String(query["recursive"]) === "true";
    await engine.files.remove(id, path, { recursive, signal: clientGone(reply) });
    return { status: 200, body: { path, removed: true } };
  });
}

function registerContents(api: MachinesScope): void {
  const { routes, engine, log } = api;
  routes.serve("readMachineFile", async ({ params, query, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const signal = clientGone(reply);
    const content = await engine.files.read(id, pathIn(query), { signal });
    await sendContent(reply, content, (error) => {
      if (!signal.aborted) log.warn({ err: error, vmId: id }, "a file was cut on its way to a client");
    });
    return ANSWERED;
  });
  routes.serve("writeMachineFile", async ({ params, query, request, reply }, caller) => {
    try {
      const { id } = await runningMachine(api, caller, params.machineId);
      const { mode } = query;
      const options = {
        mode: modeOf(typeof mode === "string" ? mode : undefined),
        signal: clientGone(reply),
      };
      const written = await engine.files.write(id, pathIn(query), bodyOf(request), options);
      return { status: 200, body: fileView(written) };
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  });
}

function pathIn(query: Query): string {
  return checked(String(query["path"]));
}

/** Normalised, and none that is reserved. */
function checked(path: string, field = "path"): string {
  return machinePath(path, field);
}
