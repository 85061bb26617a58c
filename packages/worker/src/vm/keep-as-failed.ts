/** A VM that was lost: what it held is freed, what tells why is kept until somebody deletes it. */
import { mkdir } from "node:fs/promises";
import { step } from "@fastvm/contract";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { readLogs, writeLogs } from "./console-log.ts";
import { freeHoldings } from "./holdings.ts";
import type { Vm } from "./vm.ts";
import type { WorkerContext } from "./worker-context.ts";

/** Call when its process has ended. */
export async function keepAsFailed(context: WorkerContext, vm: Vm, reason: string): Promise<void> {
  const logs = await readLogs(vm.folder);
  await freeHoldings(context, vm);
  await step("failed.freed");
  const { process: _ended, network: _left, runningSinceMs: _over, ...rest } = vm.record;
  await mkdir(vm.folder, { recursive: true, mode: CLOSED_FOLDER_MODE });
  await writeLogs(vm.folder, logs);
  await vm.replace({ ...rest, phase: "error", reason });
  await step("failed.recorded");
}
