/** What is installed: decides compatibility of snapshots and whether QEMU must be kept from opening memory for writing. */
import { runTool } from "../processes/spawn.ts";

const TIMEOUT_MS = 10_000;

/** For example `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`. */
export async function readQemuVersion(qemuPath: string): Promise<string> {
  const text = await runTool(qemuPath, ["--version"], { timeoutMs: TIMEOUT_MS });
  const match = /version (.+)/.exec(text);
  if (match?.[1] === undefined) throw new Error(`${qemuPath} does not tell its version: ${text}`);
  return match[1].trim();
}
