/** Tells a worker what a VM's proxy works by: before the VM runs, with each change, and again after the worker was started anew. */
import type { InterceptionOrder } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { authorityOf } from "./authority.ts";
import { openSecret } from "./secrets.ts";

export async function tellInterception(
  ctx: Parts<"sealing" | "store" | "worker">,
  vm: VmRecord,
): Promise<void> {
  const order = await orderOf(ctx, vm);
  if (order !== null || vm.status === "running") await ctx.worker.setInterception(vm.id, order);
}

async function orderOf(
  ctx: Parts<"sealing" | "store">,
  { orgId, interception }: VmRecord,
): Promise<InterceptionOrder | null> {
  if (interception === undefined) return null;
  const secrets = await Promise.all(
    interception.secrets.map(async ({ sealed, ...rule }) => ({
      ...rule,
      value: await openSecret(ctx, orgId, { name: rule.name, sealed }),
    })),
  );
  return { authority: await authorityOf(ctx, orgId), tls: interception.tls, secrets };
}
