/** The token of a machine whose traffic is private, in the answer to who had it made. */
import type { Machine } from "@fastvm/contract";
import type { Caller } from "../../engine/engine.ts";
import type { Answer } from "../shared/operation-route.ts";
import { findMachineIfAny } from "./ids.ts";
import type { MachinesScope } from "./machines-scope.ts";

/** Put in after the answer was kept, so that no database has it: also when the same order is answered again. */
export async function withTrafficToken(
  { engine }: Pick<MachinesScope, "engine">,
  caller: Caller,
  answer: Answer,
): Promise<Answer> {
  const machine = answer.body as Machine;
  if (machine.allow_public_traffic) return answer;
  const vm = await findMachineIfAny(engine, caller, machine.id);
  const token = vm === undefined ? undefined : await engine.previews.trafficToken(vm);
  return { ...answer, body: { ...machine, traffic_access_token: token ?? null } };
}
