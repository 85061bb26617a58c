/** From a running VM to a published folder: capture, then what can be done while the guest runs on. */
import { capture } from "./capture.ts";
import type { Captured, CaptureOptions } from "./capture.ts";
import type { Vm } from "../state/vm.ts";
import type { WorkerContext } from "../state/worker-context.ts";
import { publishSnapshot } from "../../snapshot/folder.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import { meltDelta } from "../../snapshot/melt.ts";

/**
 * A snapshot's children write its delta into their own memory. Up to this size that is quicker
 * than copying the whole base first, and cheaper on disk; beyond it the children should share.
 */
const MELT_ABOVE_BYTES = 64 * 1024 * 1024;

interface PublishOptions extends CaptureOptions {
  readonly durability: "durable" | "volatile";
  /** `one`: only this VM will be restored from it. `many`: worth melting when large. */
  readonly children: "one" | "many";
  /** More to put into the folder before it is published. */
  readonly extra?: (partial: string) => Promise<void>;
}

export async function publishCapture(
  context: WorkerContext,
  vm: Vm,
  folder: string,
  options: PublishOptions,
): Promise<{ snapshot: Snapshot; captured: Captured }> {
  let captured: Captured = { pauseMs: 0, dirtyBytes: 0 };
  const build = async (partial: string): Promise<void> => {
    captured = await capture(context, vm, partial, options);
    const melts = options.children === "many" && captured.dirtyBytes > MELT_ABOVE_BYTES;
    if (melts) await meltDelta(partial, { baseIsEmpty: false });
    await options.extra?.(partial);
  };
  const snapshot = await publishSnapshot(folder, build, options.durability);
  return { snapshot, captured };
}
