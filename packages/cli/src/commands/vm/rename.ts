/** `fastvm vm rename`: another name for a VM. */
import type { Command } from "commander";
import { showVm } from "../../output/show-vms.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function vmRenameCommand(): Command {
  return apiCommand({
    name: "rename",
    operands: ["<vm>", "<name>"],
    summary: "Give a VM another name",
    run: async ({ session, operands: [vm = "", name = ""] }) => {
      const { client, signal } = session;
      showVm(session, await client.vms.rename(await vmIdFor(session, vm), name, { signal }));
    },
  });
}
