import { checkMetadata, FastvmError, normalizeName, type UpdateVmBody } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import type { VmChanges } from "../../store/vm-repository.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../find.ts";

export function registerUpdateVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "updateVm", async ({ body, params }, caller) => {
    const changes = changesOf(body);
    const vm = await findVm(ctx, caller, params.vmId);
    const updated = await ctx.store.vms.update(vm.id, changes);
    if (updated === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
    return { status: 200, body: vmView(updated) };
  });
}

function changesOf(body: UpdateVmBody): VmChanges {
  const changes: VmChanges = {};
  if (body.name !== undefined && body.name !== null) changes.name = requireName(body.name);
  if (body.metadata !== undefined && body.metadata !== null) {
    checkMetadata(body.metadata);
    changes.metadata = body.metadata;
  }
  if (Object.keys(changes).length === 0) {
    throw new FastvmError("invalid_request", "give at least one of name and metadata", { field: "body" });
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
