/** What a VM has of a server for SSH: whether one answers, and which key it shows. */
import { FastvmError, type CallOptions, type VmId } from "@fastvm/contract";
import type { Duplex } from "node:stream";
import type { Parts } from "../context.ts";

export const SSH_PORT = 22;
const HOST_KEY_PATH = "/etc/ssh/ssh_host_ed25519_key.pub";
const MAX_HOST_KEY_BYTES = 1024;
/** sshd says its name before anything else; one that forks for each client takes a second on a busy host. */
const GREETING_LIMIT_MS = 5000;
const GREETING = "SSH-2.0-";

/** Throws `not_supported`, naming what is missing, for an image without one. */
export async function requireSshServer(ctx: Parts<"worker">, vmId: VmId, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(GREETING_LIMIT_MS)]);
  let connection: Duplex;
  try {
    connection = await ctx.worker.dial(vmId, SSH_PORT, { signal: late });
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted || (error instanceof FastvmError && error.code === "guest_unresponsive"))
      throw noServer(error);
    throw error;
  }
  try {
    const greeting = await firstBytes(connection, GREETING.length, late);
    if (greeting !== GREETING) throw noServer();
  } finally {
    connection.destroy();
  }
}

/** `<type> <base64>`; `undefined` for a VM that keeps it elsewhere. */
export async function hostKeyOf(
  ctx: Parts<"worker">,
  vmId: VmId,
  options: CallOptions,
): Promise<string | undefined> {
  try {
    let text = "";
    for await (const chunk of await ctx.worker.readFile(vmId, HOST_KEY_PATH, options)) {
      text += Buffer.from(chunk).toString("latin1");
      if (text.length > MAX_HOST_KEY_BYTES) return undefined;
    }
    // What a guest says goes into its owner's known_hosts: one key, and not another line.
    return /^(ssh-ed25519 [A-Za-z0-9+/=]+)(?: [^\n]*)?\n?$/.exec(text)?.[1];
  } catch (error) {
    if (error instanceof FastvmError) return undefined;
    throw error;
  }
}

/** Fewer when the other end says no more, or says it too late. */
async function firstBytes(connection: Duplex, count: number, signal: AbortSignal): Promise<string> {
  let text = "";
  const giveUp = (): void => void connection.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    if (signal.aborted) return "";
    for await (const chunk of connection) {
      text += Buffer.from(chunk as Uint8Array).toString("latin1");
      if (text.length >= count) break;
    }
  } catch {
    // A connection that breaks off has said what it said.
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  return text.slice(0, count);
}

function noServer(cause?: unknown): FastvmError {
  const detail = `no SSH server answers on port ${SSH_PORT} of this machine; its image must have one and start it`;
  return new FastvmError("not_supported", detail, { field: "ssh", cause });
}
