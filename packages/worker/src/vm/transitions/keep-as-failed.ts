/** A VM that was lost: what it held is freed, what tells why is kept until somebody deletes it. */
import { mkdir } from "node:fs/promises";
import { step } from "@fastvm/contract";
import type { VmLog } from "@fastvm/contract";
import { CLOSED_FOLDER_MODE } from "../../files/closed-folder.ts";
import { readLogs, writeLogs } from "../state/console-log.ts";
import { freeHoldings } from "../state/holdings.ts";
import type { Vm } from "../state/vm.ts";
import type { SlotHost } from "../../pool/slot.ts";
import type { Parts } from "../state/worker-context.ts";

/** Call when its process has ended. It has failed whatever cannot be freed or written of it: that is told to `onError` only. */
export async function keepAsFailed(
  context: SlotHost & Parts<"onError">,
  vm: Vm,
  reason: string,
): Promise<void> {
  const logs = await readLogs(vm.folder).catch(() => undefined);
  await free(context, vm).catch(context.onError);
  const { process: _ended, volumeServer: _too, network: _left, runningSinceMs: _over, ...rest } = vm.record;
  vm.become({ ...rest, phase: "error", reason });
  await record(vm, logs).catch(context.onError);
}

async function free(context: SlotHost, vm: Vm): Promise<void> {
  await freeHoldings(context, vm);
  await step("failed.freed");
}

async function record(vm: Vm, logs: VmLog | undefined): Promise<void> {
  await mkdir(vm.folder, { recursive: true, mode: CLOSED_FOLDER_MODE });
  if (logs !== undefined) await writeLogs(vm.folder, logs);
  await vm.update({});
  await step("failed.recorded");
}
