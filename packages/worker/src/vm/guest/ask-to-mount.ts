/** What a guest is asked about its mounts, with a deadline. */
import { FastvmError } from "@fastvm/contract";
import type { VerbRequest } from "../../guest-link/verb-stream.ts";
import type { Vm } from "../state/vm.ts";

/** A guest that answers takes milliseconds; under emulation, with others beside it, seconds. */
const MOUNT_DEADLINE_MS = 30_000;

export async function askToMount(
  vm: Vm,
  request: VerbRequest,
  signal: AbortSignal | undefined,
  deadlineMs = MOUNT_DEADLINE_MS,
): Promise<void> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  try {
    const link = await vm.link({ signal: either });
    for await (const nothing of link.verb(request, { signal: either })) void nothing;
  } catch (error) {
    if (deadline.aborted) throw new FastvmError("guest_unresponsive", "it does not mount", { cause: error });
    throw error;
  }
}
