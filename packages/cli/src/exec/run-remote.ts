/** Runs a command in a VM with this terminal as its own: output as it comes, its exit code as ours. */
import type { Command as RemoteCommand, ExecOptions } from "fastvm";
import { printJson, remark, writeBytes } from "../output/print.ts";
import type { Session } from "../session.ts";
import { UserError } from "../user-error.ts";

/** Returns the exit code. With `--json` the output is collected and printed as one object at the end. */
export async function runRemote(
  session: Session,
  vmId: string,
  command: RemoteCommand,
  options: ExecOptions,
): Promise<number> {
  const call = { ...options, signal: session.signal };
  if (session.isJson) {
    const result = await session.client.vms.run(vmId, command, call);
    printJson(result);
    return result.exitCode;
  }
  for await (const event of session.client.vms.stream(vmId, command, call)) {
    if (event.type === "exit") {
      if (event.diagnostic !== undefined) remark(`fastvm: ${event.diagnostic}`);
      if (event.timedOut)
        remark(`fastvm: the command was killed after ${options.timeoutSec ?? "its"} seconds`);
      return event.exitCode;
    }
    await writeBytes(event.type === "stdout" ? process.stdout : process.stderr, event.data);
  }
  throw new UserError("The command's output ended before the command");
}

/** One word goes to the VM's shell, which may find a whole script in it; several are a program and its arguments. */
export function remoteCommandOf(words: readonly string[]): RemoteCommand {
  const [first = "", ...rest] = words;
  return rest.length === 0 ? first : words;
}
