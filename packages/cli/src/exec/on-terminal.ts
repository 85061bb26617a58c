/** `fastvm exec -t`: a command on a terminal of the VM's, and this terminal at it. */
import type { Command, StartOptions } from "fastvm";
import { remark } from "../output/print.ts";
import type { Session } from "../session.ts";
import { attachCommand } from "./attach-command.ts";

/** For a reader that is no terminal. */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** Resolves with the command's exit code. One who leaves by Ctrl-] leaves it running; who is ended ends it. */
export async function runOnTerminal(
  { client, signal }: Session,
  vmId: string,
  command: Command,
  options: StartOptions,
): Promise<number> {
  const { columns: cols, rows } = process.stdout.isTTY ? process.stdout : USUAL_SIZE;
  const env = { TERM: "xterm-256color", ...options.env };
  const handle = await client.vms.pty.create(vmId, { ...options, env, command, cols, rows });
  let hasLeft = false;
  try {
    return await attachCommand(handle, signal, () => (hasLeft = true));
  } finally {
    if (hasLeft) remark(`\r\nIt goes on: fastvm attach ${vmId} ${handle.id}`);
    // Nobody has its id: it would stay in the list of those in the background.
    else await client.vms.execs.delete(vmId, handle.id).catch(() => undefined);
  }
}
