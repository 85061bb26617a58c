import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";

/** The operation's result, or the VM as it was when the time for an answer is over; the operation goes on. */
export async function withinAnswerTime(
  ctx: Parts<"config">,
  vm: VmRecord,
  operation: Promise<VmRecord>,
): Promise<VmRecord> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<VmRecord>((resolve) => {
    timer = setTimeout(() => resolve(vm), ctx.config.launchAnswerMs);
  });
  try {
    return await Promise.race([operation, late]);
  } finally {
    clearTimeout(timer);
  }
}
