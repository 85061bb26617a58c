import { checkMetadata, FastvmError, normalizeName, type UpdateVmBody } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { tellDeadline } from "../../../../engine/vms/deadline.ts";
import { replaceTtl } from "../../../../engine/vms/ttl.ts";
import type { VmChanges, VmRecord } from "../../../../store/vm-repository.ts";
import { vmView } from "../../views/vm-view.ts";
import { changeVm } from "../../../../engine/vms/change-vm.ts";

export function registerUpdateVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "updateVm", async ({ body, dialect, params }, caller) => {
    const changes = changesOf(body);
    const updated = await changeVm(ctx, caller, params.vmId, (vm) => ({
      ...changes,
      ...ttlChanges(ctx, vm, body),
    }));
    if (body.ttl !== undefined) await tellDeadline(ctx, updated.id);
    return { status: 200, body: vmView(updated, dialect) };
  });
}

/** Here `null` says something: no time to live any more. */
function ttlChanges(ctx: LifecycleContext, vm: VmRecord, { ttl }: UpdateVmBody): VmChanges {
  return ttl === undefined ? {} : replaceTtl(vm, ttl, ctx.clock.now());
}

function changesOf(body: UpdateVmBody): VmChanges {
  const changes: VmChanges = {};
  if (body.name !== undefined && body.name !== null) changes.name = requireName(body.name);
  if (body.metadata !== undefined && body.metadata !== null) {
    checkMetadata(body.metadata);
    changes.metadata = body.metadata;
  }
  if (body.autoResume !== undefined && body.autoResume !== null) changes.autoResume = body.autoResume;
  if (Object.keys(changes).length === 0 && body.ttl === undefined) {
    const rule = "give at least one of name, metadata, ttl and autoResume";
    throw new FastvmError("invalid_request", rule, { field: "body" });
  }
  return changes;
}

function requireName(raw: string): string {
  const name = normalizeName(raw);
  if (name === "") {
    throw new FastvmError("invalid_request", "name must contain at least one visible character", {
      field: "name",
    });
  }
  return name;
}
