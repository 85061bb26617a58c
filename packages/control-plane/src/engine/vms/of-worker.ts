/** What only the worker knows of a VM; `undefined` of one that it does not have: one that waits for room, or whose launch failed. */
import { FastvmError } from "@fastvm/contract";

export async function ofWorker<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof FastvmError && error.code === "not_found") return undefined;
    throw error;
  }
}
