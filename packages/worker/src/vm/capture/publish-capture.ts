/** From a running VM to a published folder: capture, then what can be done while the guest runs on. */
import { capture } from "./capture.ts";
import type { Captured, CaptureOptions, CaptureContext } from "./capture.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";
import { publishSnapshot } from "../../snapshot/folder.ts";
import type { Snapshot } from "../../snapshot/folder.ts";

interface PublishOptions extends CaptureOptions {
  /** More to put into the folder before it is published. */
  readonly extra?: (partial: string) => Promise<void>;
}

export async function publishCapture(
  context: CaptureContext & Parts<"onError">,
  vm: Vm,
  folder: string,
  options: PublishOptions,
): Promise<{ snapshot: Snapshot; captured: Captured }> {
  let captured: Captured = { pauseMs: 0, dirtyBytes: 0 };
  const build = async (partial: string): Promise<void> => {
    captured = await capture(context, vm, partial, options);
    await options.extra?.(partial);
  };
  try {
    const snapshot = await publishSnapshot(folder, build, options.durability);
    return { snapshot, captured };
  } catch (error) {
    await forgetCaptured(vm).catch(context.onError);
    throw error;
  }
}

/** Frees the disk of what was begun, and of what nobody can vouch for: the next capture copies all that is private. */
async function forgetCaptured({ memory, folder }: Vm): Promise<void> {
  await memory.forget(folder);
  await memory.removeUnused(folder);
}
