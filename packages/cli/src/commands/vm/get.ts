/** `fastvm vm get`: all there is to say of one VM. */
import type { Command } from "commander";
import { showVmDetails } from "../../output/show-vms.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function vmGetCommand(): Command {
  return apiCommand({
    name: "get",
    operands: ["<vm>"],
    summary: "Show a VM",
    configure: (command) => command.alias("info"),
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      showVmDetails(session, await client.vms.get(await vmIdFor(session, vm), { signal }));
    },
  });
}
