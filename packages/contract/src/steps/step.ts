/**
 * Marks a step of an operation, for tests that end a daemon, break a call or let another process
 * die exactly there. In a daemon that no test started nothing listens, and a step is a comparison.
 */
import type { StepName } from "./step-names.ts";

/** May throw, which fails the operation at this step; may let it wait; may end the process. */
export type StepHook = (name: StepName) => Promise<void>;

const NOTHING = Promise.resolve();

let hook: StepHook | undefined;

export function step(name: StepName): Promise<void> {
  return hook === undefined ? NOTHING : hook(name);
}

/** Of this process. Returns the function that takes the hook away again. */
export function hookSteps(wanted: StepHook): () => void {
  hook = wanted;
  return () => {
    if (hook === wanted) hook = undefined;
  };
}
