/** /v1/vms/{vmId}/volumes. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { mountOrder } from "../../mount-order.ts";
import { volumesIn } from "../../views/bucket-mount-view.ts";
import { mountView } from "../../views/volume-view.ts";

export function registerVmVolumes({ routes, engine }: FastvmScope): void {
  routes.serve("listVmVolumes", async ({ params }, caller) => {
    const { vm, volumes } = await engine.volumes.ofVm(caller, params.vmId);
    return { status: 200, body: volumesIn(volumes).map((mount) => mountView(mount, vm.status)) };
  });
  routes.serve("attachVolume", async ({ params, body }, caller) => {
    const { mount, vmStatus } = await engine.volumes.attach(caller, params.vmId, mountOrder(body));
    return { status: 201, body: mountView(mount, vmStatus) };
  });
  routes.serve("detachVolume", async ({ params, query }, caller) => {
    const force = String(query["force"]) === "true";
    const { detached, warnings } = await engine.volumes.detach(caller, params.vmId, params.volumeId, force);
    return { status: 200, body: { detached, ...(warnings.length === 0 ? {} : { warnings }) } };
  });
}
