/** WebSockets of this API. */
import { machineErrorCode } from "@fastvm/contract";
import { asFastvmError } from "../../../engine/engine.ts";
import { serveKeyedSocket, type SocketRoute } from "../../shared/serve-socket.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { presentedKey } from "../presented-key.ts";

const DIALECT = { name: "nullspace", presentedKey } as const;

export function serveSocket<Wanted>(
  { scope, engine, log }: Pick<MachinesScope, "scope" | "engine" | "log">,
  route: SocketRoute<Wanted>,
): void {
  serveKeyedSocket({ scope, engine, log, dialect: DIALECT, errorMessage }, route);
}

export function errorMessage(thrown: unknown) {
  const error = asFastvmError(thrown);
  const { retryable } = error.entry;
  return {
    type: "error",
    code: machineErrorCode(error.code, error.field),
    message: error.message,
    retryable,
    field: error.field ?? null,
  };
}
