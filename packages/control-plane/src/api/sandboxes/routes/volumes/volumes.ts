/** /v1/volumes, as this API's clients have them. */
import { FastvmError, type CreateSandboxVolume, type SandboxVolume } from "@fastvm/contract";
import type { VolumeFigures } from "../../../../engine/engine.ts";
import type { SandboxesScope } from "../../sandboxes-scope.ts";
import { invalid } from "../../spec/invalid.ts";
import { MIB_PER_GIB, volumeOrderOf } from "../../spec/volume-order.ts";

const GIB = 1024 ** 3;

export function registerVolumes({ routes, engine: { volumes } }: SandboxesScope): void {
  routes.serve("listSandboxVolumes", async (_call, caller) => ({
    status: 200,
    body: (await volumes.list(caller)).map(volumeView),
  }));
  routes.serve("createSandboxVolume", async ({ body }, caller) => {
    const order = orderOf(body);
    if (order.name === "")
      throw new FastvmError("invalid_request", "a volume needs a name", { field: "name" });
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

/** In the words of the hosted service's clients, who know no kinds, or of the local client's `VolumeSpec`. */
function orderOf(body: CreateSandboxVolume): ReturnType<typeof volumeOrderOf>["order"] {
  const { name, capacity_gib: gib, quota_mib, capacity_mib, labels = {} } = body;
  const described = {
    name,
    kind: body.kind?.toLowerCase() === "disk" ? "disk" : "directory",
    labels: Array.isArray(labels) ? labels : Object.entries(labels),
  } as const;
  if (gib === undefined || gib === null)
    return volumeOrderOf({ ...described, quota_mib, capacity_mib }, "").order;
  const said = (["quota_mib", "capacity_mib"] as const).find(
    (field) => (body[field] ?? undefined) !== undefined,
  );
  if (said !== undefined) throw invalid(said, "says what capacity_gib says");
  const size = { [described.kind === "disk" ? "capacity_mib" : "quota_mib"]: gib * MIB_PER_GIB };
  return volumeOrderOf({ ...described, ...size }, "").order;
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
