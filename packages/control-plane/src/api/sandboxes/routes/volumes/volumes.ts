/** /v1/volumes, as this API's clients have them. */
import { FastvmError, normalizeName, type SandboxVolume } from "@fastvm/contract";
import type { VolumeFigures } from "../../../../engine/engine.ts";
import type { SandboxesScope } from "../../sandboxes-scope.ts";
import { checkLabels } from "../../spec/labels.ts";
import { DEFAULT_VOLUME_GIB } from "../../start/with-volumes.ts";

const GIB = 1024 ** 3;

export function registerVolumes({ routes, engine: { volumes } }: SandboxesScope): void {
  routes.serve("listSandboxVolumes", async (_call, caller) => ({
    status: 200,
    body: (await volumes.list(caller)).map(volumeView),
  }));
  routes.serve("createSandboxVolume", async ({ body }, caller) => {
    const name = normalizeName(body.name);
    if (name === "") throw new FastvmError("invalid_request", "a volume needs a name", { field: "name" });
    const labels = body.labels ?? {};
    checkLabels(labels, "labels");
    const sizeGib = body.capacity_gib ?? DEFAULT_VOLUME_GIB;
    const order = { name, sizeGib, accessMode: "rw", kind: "directory", labels } as const;
    return { status: 200, body: volumeView(await volumes.create(caller, order)) };
  });
  routes.serve("getSandboxVolume", async ({ params }, caller) => ({
    status: 200,
    body: volumeView(await volumes.get(caller, params.volumeId)),
  }));
  routes.serve("deleteSandboxVolume", async ({ params }, caller) => {
    await volumes.delete(caller, params.volumeId);
    return { status: 200, body: { message: "the volume was deleted" } };
  });
}

function volumeView({ volume, usedBytes }: VolumeFigures): SandboxVolume {
  const created = new Date(volume.createdAt).toISOString();
  return {
    id: volume.id,
    name: volume.name,
    kind: "managed",
    status: volume.status === "deleting" ? "deleting" : "active",
    used_bytes: usedBytes ?? null,
    capacity_bytes: volume.sizeGib * GIB,
    labels: volume.labels,
    created_at: created,
    updated_at: created,
  };
}
