/** /v1/volumes. */
import { FastvmError, normalizeName } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { attachmentView, volumeView } from "../../views/volume-view.ts";

export function registerVolumes({ routes, engine }: FastvmScope): void {
  routes.serve("listVolumes", async (_call, caller) => ({
    status: 200,
    body: (await engine.volumes.list(caller)).map(volumeView),
  }));
  routes.serve("createVolume", async ({ body }, caller) => {
    const order = {
      name: requireName(body.name),
      sizeGib: body.sizeGiB,
      accessMode: body.accessMode ?? "rw",
      kind: body.kind ?? "directory",
    } as const;
    return { status: 201, body: volumeView(await engine.volumes.create(caller, order)) };
  });
  routes.serve("getVolume", async ({ params }, caller) => ({
    status: 200,
    body: volumeView(await engine.volumes.get(caller, params.volumeId)),
  }));
  routes.serve("updateVolume", async ({ params, body }, caller) => {
    const { name = null, sizeGiB = null, accessMode = null } = body;
    if (name === null && sizeGiB === null && accessMode === null) {
      throw new FastvmError("invalid_request", "give at least one of name, sizeGiB and accessMode");
    }
    const change = {
      ...(name === null ? {} : { name: requireName(name) }),
      ...(sizeGiB === null ? {} : { sizeGib: sizeGiB }),
      ...(accessMode === null ? {} : { accessMode }),
    };
    return { status: 200, body: volumeView(await engine.volumes.update(caller, params.volumeId, change)) };
  });
  routes.serve("deleteVolume", async ({ params }, caller) => ({
    status: 200,
    body: { id: await engine.volumes.delete(caller, params.volumeId), deleted: true },
  }));
  routes.serve("listVolumeAttachments", async ({ params }, caller) => ({
    status: 200,
    body: (await engine.volumes.attachments(caller, params.volumeId)).map(attachmentView),
  }));
}

function requireName(given: string): string {
  const name = normalizeName(given);
  if (name !== "") return name;
  throw new FastvmError("invalid_request", "a volume needs a name", { field: "name" });
}
