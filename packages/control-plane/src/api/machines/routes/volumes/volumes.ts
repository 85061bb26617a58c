/** /v1/volumes: by id or exact name. */
import { DEFAULT_VOLUME_BYTES, FastvmError, normalizeName, VOLUME_MASK } from "@fastvm/contract";
import type { RecordedMount } from "../../../../engine/engine.ts";
import { maskOf, masked } from "../../field-mask.ts";
import { findVolume, volumeId } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { attachmentsView, machineVolumeView } from "../../views/volume-view.ts";

const GIB = 1024 ** 3;

export function registerVolumes(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("createMachineVolume", async ({ body, request }, caller) =>
    once(api, caller, { operation: "createMachineVolume", request }, async (key) => {
      const order = {
        name: nameOf(body.name),
        sizeGib: Math.ceil((body.max_size_bytes ?? DEFAULT_VOLUME_BYTES) / GIB),
        accessMode: "rw",
        kind: "directory",
      } as const;
      const made = await ofVolumes(engine.volumes.create(caller, order, key));
      return { status: 201, body: machineVolumeView(made) };
    }),
  );
  routes.serve("listMachineVolumes", async ({ query }, caller) => {
    const mask = maskOf(query, VOLUME_MASK);
    const all = await engine.volumes.list(caller);
    return { status: 200, body: { volumes: all.map((found) => masked(machineVolumeView(found), mask)) } };
  });
  routes.serve("getMachineVolume", async ({ params, query }, caller) => {
    const mask = maskOf(query, VOLUME_MASK);
    const found = await findVolume(engine, caller, params.volumeId);
    return { status: 200, body: masked(machineVolumeView(found), mask) };
  });
  routes.serve("deleteMachineVolume", async ({ params }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    await engine.volumes.delete(caller, volume.id);
    return { status: 200, body: { id: volumeId(volume.id), deleted: true } };
  });
  routes.serve("listAttachmentsOfVolume", async ({ params }, caller) => {
    const { volume } = await findVolume(engine, caller, params.volumeId);
    const isMeant = ({ volumeId: id }: RecordedMount) => id === volume.id;
    const underWay = engine.volumes.underWay().filter(({ mount }) => isMeant(mount));
    const attachments = (await engine.vms.list(caller)).flatMap((vm) =>
      attachmentsView(vm, vm.volumes.filter(isMeant), underWay),
    );
    return { status: 200, body: { attachments } };
  });
}

function nameOf(given: string): string {
  const name = normalizeName(given);
  if (name !== "") return name;
  throw new FastvmError("invalid_request", "a volume needs a name", { field: "name" });
}

/** What the engine says of any resource is here said of volumes. */
async function ofVolumes<T>(made: Promise<T>): Promise<T> {
  try {
    return await made;
  } catch (error) {
    const isOurs = error instanceof FastvmError && ["quota_exceeded", "not_supported"].includes(error.code);
    if (!isOurs) throw error;
    throw new FastvmError(error.code, error.message, { field: "volume", cause: error });
  }
}
