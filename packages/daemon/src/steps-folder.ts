/**
 * What a test wants of a daemon in another process, told by files in a folder:
 *
 *   order.json   the test: at which step what is to happen; gone as soon as it happens
 *   passed       the daemon: each step that was passed, a line each
 *   reached      the daemon: there when the order was carried out; holds the step at which that was
 *   released     the test: a daemon that stands still may go on
 *
 * Read and written without waiting, so that a step is where it says it is.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hookSteps } from "@fastvm/contract";
import type { StepName } from "@fastvm/contract";

export interface StepOrder {
  /** Default: any. */
  readonly step?: StepName;
  /** How often it is passed before; default: 0. */
  readonly after?: number;
  /** `kill`: the daemon ends as by SIGKILL. `stall`: it stands still there until released. Otherwise the call fails with this. */
  readonly effect: "kill" | "stall" | { readonly code: string };
}

const POLL_MS = 10;

export const ORDER_FILE = "order.json";
export const PASSED_FILE = "passed";
export const REACHED_FILE = "reached";
export const RELEASED_FILE = "released";

/** Obeys the folder, until the function that it returns is called. */
export function obeySteps(folder: string): () => void {
  let order = "";
  let passed = 0;
  return hookSteps(async (name) => {
    appendFileSync(join(folder, PASSED_FILE), `${name}\n`);
    const text = readOrder(folder);
    if (text !== order) [order, passed] = [text, 0];
    if (text === "") return;
    const { step, after = 0, effect } = JSON.parse(text) as StepOrder;
    if (step !== undefined && step !== name) return;
    if (passed++ < after) return;
    tellReached(folder, name);
    order = "";
    await carryOut(folder, name, effect);
  });
}

function readOrder(folder: string): string {
  try {
    return readFileSync(join(folder, ORDER_FILE), "utf8");
  } catch {
    return "";
  }
}

/** The order goes first: what was carried out is not to be so again. */
function tellReached(folder: string, name: StepName): void {
  const aside = join(folder, `${REACHED_FILE}.new`);
  writeFileSync(aside, name);
  rmSync(join(folder, ORDER_FILE));
  renameSync(aside, join(folder, REACHED_FILE));
}

async function carryOut(folder: string, name: StepName, effect: StepOrder["effect"]): Promise<void> {
  if (effect === "kill") process.kill(process.pid, "SIGKILL");
  if (typeof effect === "object") {
    throw Object.assign(new Error(`${effect.code}: a test wants ${name} to fail`), { code: effect.code });
  }
  while (!existsSync(join(folder, RELEASED_FILE))) await sleep(POLL_MS);
}
