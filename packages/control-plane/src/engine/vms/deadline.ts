/** Times to live as the worker has them: it is the worker that enforces them, so it is told of every change. */
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import type { WorkerPart } from "../owed/worker-part.ts";
import { isNotRunning } from "../states/not-running.ts";
import { deadlineOf } from "./ttl.ts";

export const DEADLINE: WorkerPart = { kind: "deadline", tell: setDeadline };

async function setDeadline(ctx: Parts<"worker">, vm: VmRecord): Promise<void> {
  try {
    await ctx.worker.setDeadline(vm.id, deadlineOf(vm) ?? null);
  } catch (error) {
    if (!isNotRunning(error)) throw error;
  }
}
