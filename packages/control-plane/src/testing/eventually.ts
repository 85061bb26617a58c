import { vi } from "vitest";

/** Long: on two cores that also run VMs, what takes a millisecond alone can take seconds. */
const TIMEOUT_MS = 15_000;

/** Repeats the check until it passes. */
export function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, { timeout: TIMEOUT_MS, interval: 20 });
}
