/** `fastvm pause`: a VM's memory goes to disk. */
import type { Command } from "commander";
import { withProgress } from "../../output/progress.ts";
import { showVm } from "../../output/show-vms.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function pauseCommand(): Command {
  return apiCommand({
    name: "pause",
    operands: ["<vm>"],
    summary: "Save a VM's memory to disk and free it",
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      showVm(session, await withProgress("Pausing", () => client.vms.pause(vmId, { signal })));
    },
  });
}
