/** `fastvm port`: a VM's services, or ports of this machine that lead into it. */
import type { Command } from "commander";
import { once } from "node:events";
import { published } from "../command-line/publish-option.ts";
import type { Published } from "../command-line/publish-option.ts";
import { Forwards } from "../forward/forward.ts";
import { printJson, printLine, remark } from "../output/print.ts";
import { UserError } from "../user-error.ts";
import { apiCommand } from "./api-command.ts";
import { vmIdFor } from "./resolve.ts";
import { showServices } from "./service.ts";

export function portCommand(): Command {
  return apiCommand({
    name: "port",
    operands: ["<vm>", "[here:port...]"],
    summary:
      "Lead ports of this machine to ports of a VM, such as 8080:80, until Ctrl-C; without ports, list the VM's services",
    run: async ({ session, operands: [vm = "", ...words] }) => {
      const { client, isJson, signal } = session;
      const ports = words.map(portOf);
      const vmId = await vmIdFor(session, vm);
      if (ports.length === 0) return showServices(session, await client.vms.services.list(vmId, { signal }));
      await using forwards = await Forwards.start(session, vmId, ports);
      if (isJson) printJson(forwards.list);
      else for (const { local, vmPort } of forwards.list) printLine(`${local} → ${vm}:${vmPort}`);
      remark("Ctrl-C ends it");
      if (!signal.aborted) await once(signal, "abort");
    },
  });
}

function portOf(text: string): Published {
  try {
    return published(text);
  } catch (error) {
    throw new UserError(`${JSON.stringify(text)} is no port: ${error instanceof Error ? error.message : ""}`);
  }
}
