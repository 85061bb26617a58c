/** Opens a VM's console on this terminal, from the token to the last key. */
import { remark } from "../output/print.ts";
import type { Session } from "../session.ts";
import { attachConsole, requireTerminal } from "./attach-console.ts";
import { consoleUrl } from "./console-url.ts";

export async function openConsole({ client, baseUrl, signal }: Session, vmId: string): Promise<void> {
  requireTerminal();
  const token = await client.vms.consoleToken(vmId, { signal });
  remark("Ctrl-] leaves");
  await attachConsole(consoleUrl(baseUrl, token), signal);
  remark("\r\nLeft the console");
}

/** For commands that open one unasked: not for programs, and not where there is no terminal to show it on. */
export function isConsoleWelcome({ isJson }: Session, isQuiet: boolean): boolean {
  return !isJson && !isQuiet && process.stdin.isTTY && process.stdout.isTTY;
}
