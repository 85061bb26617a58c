/** What an image starts with, as whoever runs the host says it. */
import { FastvmError, type ImageStart, type ReadinessProbe } from "@fastvm/contract";

export interface StartBody {
  readonly image: string;
  /** Absent: nothing. */
  readonly command?: string;
  readonly readyPort?: number;
  readonly readyHttp?: string;
  readonly readyCommand?: string;
  readonly timeoutSec?: number;
  /** Whose name it is; absent: everybody's. */
  readonly org?: string;
}

/** An emulated guest starts a database in half of it. */
const DEFAULT_TIMEOUT_SEC = 60;
/** Whoever launches waits as long. */
const MAX_TIMEOUT_SEC = 600;
const MAX_PORT = 65_535;
/** An argument of a command. */
const MAX_COMMAND_LENGTH = 65_536;
const COMMAND = { type: "string", minLength: 1, maxLength: MAX_COMMAND_LENGTH };
export const START_BODY = {
  type: "object",
  required: ["image"],
  properties: {
    image: { type: "string" },
    command: COMMAND,
    readyPort: { type: "integer", minimum: 1, maximum: MAX_PORT },
    readyHttp: { type: "string", pattern: "^http://", maxLength: MAX_COMMAND_LENGTH },
    readyCommand: COMMAND,
    org: { type: "string" },
    timeoutSec: { type: "integer", minimum: 1, maximum: MAX_TIMEOUT_SEC },
  },
};

export function parseStart(body: StartBody): ImageStart | undefined {
  const probes = probesOf(body);
  const [ready] = probes;
  if (probes.length > 1)
    throw new FastvmError("invalid_request", "it is ready in one way", { field: "readyCommand" });
  if (body.command !== undefined)
    return { command: body.command, ready, timeoutSec: body.timeoutSec ?? DEFAULT_TIMEOUT_SEC };
  if (ready !== undefined)
    throw new FastvmError("invalid_request", "what is to be ready has to be started", { field: "command" });
  return undefined;
}

function probesOf({ readyPort, readyHttp, readyCommand }: StartBody): readonly ReadinessProbe[] {
  return [
    ...(readyPort === undefined ? [] : [{ kind: "port", port: readyPort } as const]),
    ...(readyHttp === undefined ? [] : [{ kind: "http", url: readyHttp } as const]),
    ...(readyCommand === undefined ? [] : [{ kind: "command", command: readyCommand } as const]),
  ];
}
