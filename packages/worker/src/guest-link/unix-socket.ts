/** Connecting to a Unix socket that may not be there yet, and whose path may be longer than the kernel takes. */
import { createConnection } from "node:net";
import type { OnReadOpts, Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../files/errno.ts";
import { pinSocket } from "../files/pinned-socket.ts";

const FIRST_RETRY_MS = 1;
/** QEMU makes its socket some 30 ms after it was started: looking oftener than this gains nothing. */
const MAX_RETRY_MS = 20;

interface SocketOptions {
  readonly path: string;
  /** Until when the socket may be missing or refuse, as performance.now() counts. */
  readonly deadlineAt: number;
  readonly onread: OnReadOpts;
  readonly signal?: AbortSignal | undefined;
}

/** Rejects with the last system error at the deadline, or with the signal's reason. */
export async function connectUnixSocket(options: SocketOptions): Promise<Socket> {
  let delayMs = FIRST_RETRY_MS;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await tryConnect(options.path, options.onread);
    } catch (error) {
      const isEarly = isErrno(error, "ENOENT", "ECONNREFUSED");
      if (!isEarly || performance.now() + delayMs >= options.deadlineAt) throw error;
    }
    await sleep(delayMs, undefined, { signal: options.signal });
    delayMs = Math.min(delayMs * 2, MAX_RETRY_MS);
  }
}

async function tryConnect(path: string, onread: OnReadOpts): Promise<Socket> {
  await using pinned = await pinSocket(path);
  return await connectNow(pinned.path, onread);
}

function connectNow(path: string, onread: OnReadOpts): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, onread });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
