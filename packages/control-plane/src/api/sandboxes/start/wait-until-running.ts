/** `wait_for=running`: the answer waits until the sandbox runs or has failed, for as long as its client waits. */
import { setTimeout as delay } from "node:timers/promises";
import type { Caller, Engine, Sandbox } from "../../../engine/engine.ts";
import { sandboxStatus } from "../views/sandbox-view.ts";

const DEFAULT_WAIT_SEC = 90;
/** Of a record that another process may change. */
const LOOK_EVERY_MS = 200;

export async function waitUntilRunning(
  { sandboxes }: Pick<Engine, "sandboxes">,
  caller: Caller,
  started: Sandbox,
  query: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Sandbox> {
  if (query["wait_for"] !== "running") return started;
  const until = Date.now() + Number(query["wait_timeout"] ?? DEFAULT_WAIT_SEC) * 1000;
  let now = started;
  while (sandboxStatus(now) === "starting" && Date.now() < until) {
    await delay(LOOK_EVERY_MS, undefined, { signal });
    now = await sandboxes.get(caller, started.sandbox.id);
  }
  return now;
}
