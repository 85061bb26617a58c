/** /v1/machines/{machineId}/volumes. */
import { FastvmError } from "@fastvm/contract";
import type { Caller, MountUnderWay, RecordedMount, VmRecord } from "../../../../engine/engine.ts";
import { attachmentId, findMachine, notFound } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { attachmentsView, attachmentView } from "../../views/volume-view.ts";
import { instantOf } from "../../views/instant.ts";
import { mountOrders } from "../../volumes/mount-orders.ts";
import { runningMachine } from "../guest/running-machine.ts";

export function registerAttachments(api: MachinesScope): void {
  registerLooks(api);
  registerChanges(api);
}

function registerLooks({ routes, engine, clock }: MachinesScope): void {
  routes.serve("listVolumesOfMachine", async ({ params }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    const { vm, volumes } = await engine.volumes.ofVm(caller, id);
    return { status: 200, body: { attachments: attachmentsView(vm, volumes, engine.volumes.underWay()) } };
  });
  routes.serve("getVolumeOfMachine", async ({ params }, caller) => {
    const { vm, mount, underWay } = await find(engine, caller, params);
    return { status: 200, body: attachmentView(vm, mount, underWay) };
  });
  routes.serve("getAttachmentHealth", async ({ params }, caller) => {
    const { vm, mount, underWay } = await find(engine, caller, params);
    const { id, status, last_error_code, last_error_message } = attachmentView(vm, mount, underWay);
    const health = { attachment_id: id, healthy: status === "mounted", status };
    const checked_at = instantOf(clock.now());
    return { status: 200, body: { ...health, last_error_code, last_error_message, checked_at } };
  });
}

function registerChanges(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("attachVolumeToMachine", async ({ params, body, request }, caller) =>
    once(api, caller, { operation: "attachVolumeToMachine", request }, async (key) => {
      const vm = await findMachine(engine, caller, params.machineId);
      const [order] = await mountOrders(api, caller, [body]);
      if (order === undefined) throw new FastvmError("internal", "one mount has one order");
      const { mount, vmStatus } = await engine.volumes.attach(caller, vm.id, order, key);
      return { status: 201, body: attachmentView({ ...vm, status: vmStatus }, mount) };
    }),
  );
  routes.serve("remountAttachment", async ({ params }, caller) => {
    const { vm, mount: before } = await find(engine, caller, params);
    await runningMachine(api, caller, params.machineId);
    const { mount, vmStatus } = await engine.volumes.remount(caller, vm.id, before.volumeId);
    return { status: 200, body: attachmentView({ ...vm, status: vmStatus }, mount) };
  });
  routes.serve("detachVolumeFromMachine", async ({ params, query }, caller) => {
    const { vm, mount } = await find(engine, caller, params);
    const force = String(query["force"]) === "true";
    const { warnings } = await engine.volumes.detach(caller, vm.id, mount.volumeId, force);
    const body = { id: attachmentId(mount.volumeId, vm.id), status: "released" };
    return { status: 200, body: { ...body, warnings: warnings.map(({ message }) => message) } };
  });
}

/** As its host says that it is now. */
async function find(
  engine: MachinesScope["engine"],
  caller: Caller,
  params: Readonly<Record<"machineId" | "attachmentId", string>>,
): Promise<{
  readonly vm: VmRecord;
  readonly mount: RecordedMount;
  readonly underWay: MountUnderWay["state"] | undefined;
}> {
  const { id } = await findMachine(engine, caller, params.machineId);
  const { vm, volumes } = await engine.volumes.ofVm(caller, id);
  const own = engine.volumes.underWay().filter(({ vmId }) => vmId === id);
  const mount = [...volumes, ...own.map((one) => one.mount)].find(
    ({ volumeId, source }) => source === undefined && attachmentId(volumeId, id) === params.attachmentId,
  );
  if (mount === undefined) throw notFound("attachment", params.attachmentId, "attachment");
  const underWay = own.find((one) => one.mount.volumeId === mount.volumeId)?.state;
  return { vm, mount, underWay };
}
