/** `fastvm top`: the processes of a VM, as its own `ps` has them. */
import type { Command } from "commander";
import { handsOnAllAfter } from "../../command-line/remote-command.ts";
import { printJson } from "../../output/print.ts";
import { harmless } from "../../output/table.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

const COLUMNS = ["-eo", "user,pid,ppid,pcpu,rss,stime,tty,time,args"];
/** A `ps` that takes no columns, or none at all. */
const CANNOT_START = [126, 127];
/** The guest answers this at once, or does not. */
const TIMEOUT_SEC = 30;

export function topCommand(): Command {
  const command = apiCommand({
    name: "top",
    operands: ["<vm>", "[psOption...]"],
    summary: "List the processes of a VM; all that follows it is for its ps, such as aux",
    run: async ({ session, operands: [vm = "", ...words] }) => {
      const { client, isJson, signal } = session;
      const vmId = await vmIdFor(session, vm);
      const options = words.length > 0 ? words : COLUMNS;
      const call = { timeoutSec: TIMEOUT_SEC, signal };
      const { exitCode, stdout, stderr } = await client.vms.run(vmId, ["ps", ...options], call);
      if (exitCode !== 0) {
        const why = CANNOT_START.includes(exitCode) ? "it has none" : harmless(stderr.trim());
        throw new UserError(
          `The VM's ps did not answer: ${why}`,
          `Look for yourself with: fastvm exec ${vm} 'ls -d /proc/[0-9]*'`,
        );
      }
      if (isJson) printJson(rowsOf(stdout));
      else process.stdout.write(harmless(stdout));
    },
  });
  return handsOnAllAfter(command, 1);
}

/** By the header's words; the last column takes the rest of the line. */
function rowsOf(text: string): Record<string, string>[] {
  const [header = "", ...lines] = text.trimEnd().split("\n");
  const names = header.trim().split(/\s+/);
  return lines.map((line) => {
    const words = line.trim().split(/\s+/);
    const last = words.slice(names.length - 1).join(" ");
    return Object.fromEntries(
      names.map((name, at) => [name, (at === names.length - 1 ? last : words[at]) ?? ""]),
    );
  });
}
