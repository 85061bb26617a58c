/** Who hears of the steps that daemons of a test pass, and what keeps a daemon that has ended from passing any more. */
import { AsyncLocalStorage } from "node:async_hooks";
import { hookSteps } from "@fastvm/contract";
import type { StepHook, StepName } from "@fastvm/contract";

export interface Life {
  hasEnded: boolean;
}

/** In which daemon something goes on. */
export const lives = new AsyncLocalStorage<Life>();
let listener: StepHook | undefined;
let open = 0;
let unhook = (): void => undefined;

/** Until as many have closed. */
export function openSteps(): void {
  open += 1;
  unhook = hookSteps(passStep);
}

/** Other tests of the same realm listen themselves. */
export function closeSteps(): void {
  open -= 1;
  if (open === 0) unhook();
}

/** What a daemon that has ended was about to do stays undone for ever. */
async function passStep(name: StepName): Promise<void> {
  if (lives.getStore()?.hasEnded !== true) await listener?.(name);
  if (lives.getStore()?.hasEnded === true) await new Promise(() => undefined);
}

export async function listening<T>(wanted: StepHook, work: () => Promise<T>): Promise<T> {
  listener = wanted;
  try {
    return await work();
  } finally {
    listener = undefined;
  }
}
