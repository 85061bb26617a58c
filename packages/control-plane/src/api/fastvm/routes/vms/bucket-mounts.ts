/** /v1/vms/{vmId}/bucket-mounts. */
import { FastvmError } from "@fastvm/contract";
import { bucketOf } from "../../../../engine/engine.ts";
import { bucketCredentials, bucketOrder } from "../../bucket-order.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { bucketMountView, bucketsIn } from "../../views/bucket-mount-view.ts";

export function registerBucketMounts({ routes, engine, clock }: FastvmScope): void {
  routes.serve("listBucketMounts", async ({ params }, caller) => {
    const { vm, volumes } = await engine.volumes.ofVm(caller, params.vmId);
    return { status: 200, body: bucketsIn(volumes).map((mount) => bucketMountView(vm.id, vm.status, mount)) };
  });
  routes.serve("getBucketMount", async ({ params }, caller) => {
    const { vm, volumes } = await engine.volumes.ofVm(caller, params.vmId);
    const mount = bucketOf(volumes, params.bucketMountId);
    return { status: 200, body: bucketMountView(vm.id, vm.status, mount) };
  });
  routes.serve("attachBucketMount", async ({ params, body }, caller) => {
    const order = bucketOrder(body, clock.now());
    const { vmId, vmStatus, mount } = await engine.volumes.attach(caller, params.vmId, order);
    return { status: 201, body: bucketMountView(vmId, vmStatus, bucketOf([mount], mount.volumeId)) };
  });
  routes.serve("rotateBucketMount", async ({ params, body }, caller) => {
    const { vmId, bucketMountId } = params;
    const { volumes } = await engine.volumes.ofVm(caller, vmId);
    const { source } = bucketOf(volumes, bucketMountId);
    const credentials = bucketCredentials(source.uri, body.credentials);
    const rotated = await engine.volumes.rotateBucket(caller, vmId, bucketMountId, credentials);
    const mount = bucketOf([rotated.mount], bucketMountId);
    return { status: 200, body: bucketMountView(rotated.vmId, rotated.vmStatus, mount) };
  });
  routes.serve("detachBucketMount", async ({ params }, caller) => {
    const { volumes } = await engine.volumes.ofVm(caller, params.vmId);
    try {
      const { volumeId } = bucketOf(volumes, params.bucketMountId);
      await engine.volumes.detach(caller, params.vmId, volumeId, false);
    } catch (error) {
      if (!(error instanceof FastvmError && error.code === "not_found")) throw error;
    }
    return { status: 204, body: undefined };
  });
}
