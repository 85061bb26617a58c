import { Command, Option } from "commander";
import type { FirewallRule } from "fastvm";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";
import { ingressRule } from "./ingress-rule.ts";
import { showPolicy, showReport } from "./show-firewall.ts";

interface PolicyOptions {
  readonly mode?: "open" | "restricted";
  readonly rule?: FirewallRule[];
}

export function firewallCommand(): Command {
  return new Command("firewall")
    .description("See and change what may reach a VM")
    .addCommand(getCommand())
    .addCommand(setCommand())
    .addCommand(patchCommand());
}

function getCommand(): Command {
  return apiCommand({
    name: "get",
    operands: ["<vm>"],
    summary: "Show a VM's firewall as it is enforced, with what each rule has decided",
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      showReport(session, await client.vms.firewall.get(await vmIdFor(session, vm), { signal }));
    },
  });
}

function setCommand(): Command {
  return apiCommand<PolicyOptions>({
    name: "set",
    operands: ["<vm>"],
    summary: "Replace a VM's firewall",
    configure: (command) => addRuleOption(command).addOption(modeOption().makeOptionMandatory()),
    run: async ({ session, operands: [vm = ""], options: { mode = "restricted", rule = [] } }) => {
      const { client, signal } = session;
      showPolicy(
        session,
        await client.vms.setFirewall(await vmIdFor(session, vm), { mode, ingress: rule }, { signal }),
      );
    },
  });
}

function patchCommand(): Command {
  return apiCommand<PolicyOptions>({
    name: "patch",
    operands: ["<vm>"],
    summary: "Change the mode or the rules of a VM's firewall; what is not given stays",
    configure: (command) => addRuleOption(command).addOption(modeOption()),
    run: async ({ session, operands: [vm = ""], options: { mode, rule } }) => {
      const { client, signal } = session;
      const patch = { ...(mode && { mode }), ...(rule && { ingress: rule }) };
      showPolicy(session, await client.vms.patchFirewall(await vmIdFor(session, vm), patch, { signal }));
    },
  });
}

function modeOption(): Option {
  return new Option("--mode <mode>", "open: all may come in; restricted: only the rules").choices([
    "open",
    "restricted",
  ]);
}

function addRuleOption(command: Command): Command {
  return command.option("-r, --rule <rule>", "let in tcp:80 or udp:5000-5010; may be repeated", ingressRule);
}
