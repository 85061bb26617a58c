/** Requests of root's programs to the daemon of a data folder, over its socket there: they concern all organisations and need no key. */
import { once } from "node:events";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { basename, dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import type { OwnAnswer } from "./own-request.ts";
import { operatorSocket } from "./paths.ts";

/** To delete a VM takes a second on a busy host; a daemon that hangs shall not hold up whoever wants to stop it. */
const DEADLINE_MS = 120_000;
const ARCHIVE_TYPE = "application/x-tar";

interface OperatorRequest {
  readonly path: string;
  readonly method: string;
  /** As JSON. */
  readonly body?: object | undefined;
  /** In place of a body: what comes, as a tar. */
  readonly archive?: Readable | undefined;
  readonly deadlineMs?: number;
}

/** `body` is sent as JSON. */
export async function askOperator(
  dataDir: string,
  path: string,
  method = "GET",
  body?: object,
): Promise<OwnAnswer> {
  const response = await requestOperator(dataDir, { path, method, body });
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** The answer itself, for what is large or takes long. */
export async function requestOperator(dataDir: string, wanted: OperatorRequest): Promise<IncomingMessage> {
  try {
    return await send(operatorSocket(dataDir), wanted);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES")
      throw new Error(`Only root may ask the daemon of ${dataDir} for this`, { cause: error });
    if (code !== "ENOENT" && code !== "ECONNREFUSED") throw error;
    throw new Error(`No daemon runs on ${dataDir}`, { cause: error });
  }
}

async function send(
  socket: string,
  { path, method, body, archive, deadlineMs = DEADLINE_MS }: OperatorRequest,
): Promise<IncomingMessage> {
  // As in the daemon: the kernel takes short paths only.
  await using folder = await open(dirname(socket), constants.O_DIRECTORY | constants.O_RDONLY);
  const type = archive === undefined ? body && "application/json" : ARCHIVE_TYPE;
  const request = requestHttp({
    socketPath: `/proc/self/fd/${folder.fd}/${basename(socket)}`,
    path,
    method,
    headers: { connection: "close", ...(type && { "content-type": type }) },
    signal: AbortSignal.timeout(deadlineMs),
  });
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  // What is refused is answered before all of it is sent.
  if (archive !== undefined) void pipeline(archive, request).catch(() => undefined);
  else request.end(body && JSON.stringify(body));
  const [response] = await answered;
  return response;
}
