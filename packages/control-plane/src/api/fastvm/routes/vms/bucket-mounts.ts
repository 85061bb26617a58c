/** /v1/vms/{vmId}/bucket-mounts: there are none, and each route says so as the contract would of a VM without any. */
import { FastvmError } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";

const INSTEAD =
  "buckets are not mounted by this server; copy what is needed into a volume, by a client of the bucket in the VM";

export function refuseBuckets(bucketMounts: readonly unknown[]): void {
  if (bucketMounts.length === 0) return;
  throw new FastvmError("not_supported", INSTEAD, { field: "bucketMounts" });
}

export function registerBucketMounts({ routes, engine }: FastvmScope): void {
  routes.serve("listBucketMounts", async ({ params }, caller) => {
    await engine.vms.get(caller, params.vmId);
    return { status: 200, body: [] };
  });
  routes.serve("getBucketMount", async ({ params }, caller) => {
    await engine.vms.get(caller, params.vmId);
    throw none(params.bucketMountId);
  });
  routes.serve("attachBucketMount", async ({ params }, caller) => {
    await engine.vms.get(caller, params.vmId);
    throw new FastvmError("not_supported", INSTEAD);
  });
  routes.serve("rotateBucketMount", async ({ params }, caller) => {
    await engine.vms.get(caller, params.vmId);
    throw none(params.bucketMountId);
  });
  routes.serve("detachBucketMount", async ({ params }, caller) => {
    await engine.vms.get(caller, params.vmId);
    return { status: 204, body: undefined };
  });
}

/** Errors quote what they did not find, but not all of it. */
const MAX_QUOTED = 80;

function none(id: string): FastvmError {
  return new FastvmError(
    "not_found",
    `the VM has no bucket mount ${JSON.stringify(id.slice(0, MAX_QUOTED))}`,
  );
}
