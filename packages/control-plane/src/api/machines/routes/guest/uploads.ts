/** /v1/machines/{machineId}/uploads: files in parts, which may come while the machine sleeps and are written when it runs. */
import { clientGone } from "../../../shared/client-gone.ts";
import { bodyOf, leaveUnread } from "../../../shared/unread-body.ts";
import { modeOf } from "../../files/file-queries.ts";
import { fileView } from "../../files/file-view.ts";
import { findMachine } from "../../ids.ts";
import { machinePath } from "../../machine-path.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { uploadView } from "../../views/upload-view.ts";
import { runningMachine } from "./running-machine.ts";

export function registerUploads(api: MachinesScope): void {
  registerBeginnings(api);
  registerParts(api);
  registerEnds(api);
}

function registerBeginnings(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("createUpload", async ({ body, params, request }, caller) => {
    const vm = await findMachine(engine, caller, params.machineId);
    return await once(api, caller, { operation: "createUpload", request }, async (key) => {
      const order = {
        path: machinePath(body.path, "path"),
        bytes: body.size,
        partBytes: body.part_size ?? undefined,
        sha256: body.sha256 ?? undefined,
        mode: modeOf(body.mode),
        overwrites: body.on_conflict !== "fail",
      };
      const upload = await engine.uploads.create(caller, vm, order, key);
      return { status: 201, body: uploadView(upload) };
    });
  });
  routes.serve("listUploads", async ({ params }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    return { status: 200, body: { uploads: engine.uploads.list(id).map(uploadView) } };
  });
  routes.serve("getUpload", async ({ params }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    return { status: 200, body: uploadView(engine.uploads.get(id, params.uploadId)) };
  });
}

function registerParts({ routes, engine }: MachinesScope): void {
  routes.serve("putUploadPart", async ({ params, query, request, reply }, caller) => {
    try {
      const vm = await findMachine(engine, caller, params.machineId);
      const { sha256 } = query;
      const number = /^[1-9][0-9]{0,5}$/.test(params.part) ? Number(params.part) : Number.NaN;
      const stored = await engine.uploads.putPart(vm, params.uploadId, {
        number,
        sha256: typeof sha256 === "string" ? sha256 : undefined,
        content: bodyOf(request),
      });
      return { status: 200, body: { number, size: stored.bytes, sha256: stored.sha256 } };
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  });
}

function registerEnds(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("completeUpload", async ({ body, params, request, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    return await once(api, caller, { operation: "completeUpload", request }, async (key) => {
      const signal = clientGone(reply);
      const order = { vmId: id, id: params.uploadId, sha256: body?.sha256 ?? undefined, key };
      const result = await engine.uploads.complete(caller, order, { signal });
      const answer = { id: params.uploadId, sha256: result.sha256, file: fileView(result.file) };
      return { status: 200, body: answer };
    });
  });
  routes.serve("abortUpload", async ({ params }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    await engine.uploads.abort(id, params.uploadId);
    return { status: 200, body: { id: params.uploadId, aborted: true } };
  });
}
