/** What tests do inside VMs, through the SDK. */
import { expect } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { sh } from "./keeper.ts";
import type { Memory } from "./keeper.ts";

export { askKeeper, sh, startKeeper } from "./keeper.ts";
export type { Memory } from "./keeper.ts";

/** The same process goes on: its secret, its pid and start, and a counter that did not start again. */
export function expectContinues(now: Memory, before: Memory): void {
  expect(now.secret).toBe(before.secret);
  expect(now.pid).toBe(before.pid);
  expect(now.startedAt).toBe(before.startedAt);
  expect(now.count).toBeGreaterThanOrEqual(before.count);
}

export async function bootId(client: FastvmClient, vm: Pick<Vm, "id">): Promise<string> {
  return await sh(client, vm, "cat /proc/sys/kernel/random/boot_id");
}
