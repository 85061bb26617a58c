/** What changed in a record while its VM was being started, which the worker was told of as it was before. */
import type { VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";
import { tellOwed, type OwedContext } from "../owed/tell-owed.ts";
import { WORKER_PARTS } from "./worker-parts.ts";

/** Never fails: the VM runs, and what fails now is told again. */
export async function catchUp(ctx: OwedContext & Parts<"log">, vmId: VmId): Promise<void> {
  try {
    await tellOwed(ctx, WORKER_PARTS, vmId);
  } catch (error) {
    ctx.log.warn({ err: error, vmId }, "what changed while a VM started could not be applied");
  }
}
