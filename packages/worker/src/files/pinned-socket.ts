/**
 * A Unix socket in a folder that somebody else may write to: what is connected to is what lies at that very name, and never where a
 * link leads. A QEMU that was taken over could otherwise have the daemon, which may go everywhere, speak with another VM in its name.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/** Holds a name without opening what it names; Node has no constant for it. The kernel's value on every architecture we run on. */
const O_PATH = 0o10000000;

interface PinnedSocket extends AsyncDisposable {
  /** To connect to while this is held. Short, whatever the path was: sockaddr_un holds 108 bytes. */
  readonly path: string;
}

/** Rejects with the system's error when there is nothing, and with another one when it is no socket. */
export async function pinSocket(path: string): Promise<PinnedSocket> {
  const handle = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!(await handle.stat()).isSocket()) throw new Error(`${path} is no socket`);
    return pinned(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function pinned(handle: FileHandle): PinnedSocket {
  return { path: `/proc/self/fd/${handle.fd}`, [Symbol.asyncDispose]: () => handle.close() };
}
