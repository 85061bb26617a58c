/** The machine of a path, for what is done in it. */
import type { Caller, VmRecord } from "../../../../engine/engine.ts";
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";

/** Throws `machine_not_ready` for one that does not run: by this route nothing is woken. */
export async function runningMachine(
  { engine }: Pick<MachinesScope, "engine">,
  caller: Caller,
  id: string,
): Promise<VmRecord> {
  const { id: vmId } = await findMachine(engine, caller, id);
  return engine.vms.getRunning(caller, vmId, "this needs a running machine");
}
