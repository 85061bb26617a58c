/** Requests of root's programs to the daemon of a data folder, over its socket there: they concern all organisations and need no key. */
import { once } from "node:events";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import type { IncomingMessage, RequestOptions } from "node:http";
import { basename, dirname } from "node:path";
import { text } from "node:stream/consumers";
import type { OwnAnswer } from "./own-request.ts";
import { operatorSocket } from "./paths.ts";

/** To delete a VM takes a second on a busy host; a daemon that hangs shall not hold up whoever wants to stop it. */
const DEADLINE_MS = 120_000;

/** `body` is sent as JSON. */
export async function askOperator(
  dataDir: string,
  path: string,
  method = "GET",
  body?: object,
): Promise<OwnAnswer> {
  const socket = operatorSocket(dataDir);
  try {
    return await ask(socket, { path, method }, body);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES")
      throw new Error(`Only root may ask the daemon of ${dataDir} for this`, { cause: error });
    if (code !== "ENOENT" && code !== "ECONNREFUSED") throw error;
    throw new Error(`No daemon runs on ${dataDir}`, { cause: error });
  }
}

async function ask(socket: string, options: RequestOptions, body: object | undefined): Promise<OwnAnswer> {
  // As in the daemon: the kernel takes short paths only.
  await using folder = await open(dirname(socket), constants.O_DIRECTORY | constants.O_RDONLY);
  const request = requestHttp({
    socketPath: `/proc/self/fd/${folder.fd}/${basename(socket)}`,
    ...options,
    headers: { connection: "close", ...(body && { "content-type": "application/json" }) },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  request.end(body && JSON.stringify(body));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
