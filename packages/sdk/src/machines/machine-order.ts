/** The body that makes a machine, from what callers say. */
import { MachineError } from "./machine-error.ts";
import type { CreateMachineParams, TimeoutAction } from "./types.ts";

/** Rounded up, so that nothing ends too early. */
export function millisecondsOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1000);
}

export function createBody(params: CreateMachineParams): object {
  const { timeout, onTimeout, timeoutAction, warmPool, warmPoolMode, warmPoolWaitMs, ...rest } = params;
  const pool = { id: warmPool, mode: warmPoolMode, wait: warmPoolWaitMs };
  const asksForPool = Object.values(pool).some((value) => value !== undefined);
  return {
    ...rest,
    timeoutMs: millisecondsOf(timeout),
    timeoutAction: timeoutActionOf(onTimeout, timeoutAction),
    ...(asksForPool ? { warmPool: pool } : {}),
  };
}

function timeoutActionOf(
  onTimeout: CreateMachineParams["onTimeout"],
  timeoutAction: TimeoutAction | undefined,
): TimeoutAction | undefined {
  if (onTimeout === undefined) return timeoutAction;
  const said = onTimeout === "pause" ? "hibernate" : "destroy";
  if (timeoutAction === undefined || timeoutAction === said) return said;
  throw new MachineError(
    `onTimeout "${onTimeout}" and timeoutAction "${timeoutAction}" say different things`,
    {
      code: "invalid_request",
      field: "onTimeout",
    },
  );
}
