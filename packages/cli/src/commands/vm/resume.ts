/** `fastvm resume`: a paused VM goes on. */
import type { Command } from "commander";
import { withProgress } from "../../output/progress.ts";
import { showVm } from "../../output/show-vms.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function resumeCommand(): Command {
  return apiCommand({
    name: "resume",
    operands: ["<vm>"],
    summary: "Let a paused VM go on where it was",
    configure: (command) => command.alias("unpause"),
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      showVm(session, await withProgress("Resuming", () => client.vms.resume(vmId, { signal })));
    },
  });
}
