/** From the bodies of background commands to what the engine is asked: the rules that JSON Schema cannot say. */
import { constants } from "node:os";
import { FastvmError, type BackgroundSpec, type StartExecBody } from "@fastvm/contract";
import { execSpecOf } from "./exec-spec.ts";

/** The highest number of Linux. */
const MAX_SIGNAL = 64;
const DEFAULT_SIGNAL = "SIGTERM";

export function backgroundSpecOf(body: StartExecBody): BackgroundSpec {
  const { command, timeoutSec, env, cwd, user, pty, keepStdin, keepOutputBytes } = body;
  const { stdin: _none, ...spec } = execSpecOf({ command, timeoutSec, env, cwd, user } as StartExecBody);
  return {
    ...spec,
    ...(pty === undefined || pty === null ? {} : { pty: { cols: pty.cols, rows: pty.rows } }),
    ...(keepStdin === true ? { stdin: "open" as const } : {}),
    ...(keepOutputBytes === undefined || keepOutputBytes === null ? {} : { keepBytes: keepOutputBytes }),
  };
}

/** By name, with or without `SIG`, or by number. */
export function signalNumber(signal: string | null | undefined): number {
  const given = (signal ?? DEFAULT_SIGNAL).toUpperCase();
  const number = /^\d+$/.test(given)
    ? Number(given)
    : (constants.signals as Readonly<Record<string, number | undefined>>)[
        given.startsWith("SIG") ? given : `SIG${given}`
      ];
  if (number === undefined || number < 1 || number > MAX_SIGNAL) {
    throw new FastvmError("invalid_request", `there is no signal ${signal}`, { field: "signal" });
  }
  return number;
}
