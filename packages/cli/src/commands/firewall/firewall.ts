/** `fastvm firewall`: shows a VM's policy with its counters, and changes it. */
import { Command, Option } from "commander";
import type { FirewallRule } from "fastvm";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";
import { UserError } from "../../user-error.ts";
import { ingressRule } from "./ingress-rule.ts";
import { readPolicy } from "./policy-file.ts";
import { showPolicy, showReport } from "./show-firewall.ts";

interface PolicyOptions {
  readonly mode?: "open" | "restricted";
  readonly rule?: FirewallRule[];
  readonly policy?: string;
}

export function firewallCommand(): Command {
  return new Command("firewall")
    .description("See and change what may reach a VM, and what it may reach")
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
    configure: addPolicyOptions,
    run: async ({ session, operands: [vm = ""], options: { mode, rule, policy } }) => {
      const { client, signal } = session;
      if (mode === undefined && rule === undefined && policy === undefined) {
        throw new UserError("Nothing says what the firewall shall be", "Give --rule, --mode or --policy");
      }
      const whole =
        policy === undefined ? { mode: mode ?? "restricted", ingress: rule ?? [] } : await readPolicy(policy);
      showPolicy(session, await client.vms.setFirewall(await vmIdFor(session, vm), whole, { signal }));
    },
  });
}

function patchCommand(): Command {
  return apiCommand<PolicyOptions>({
    name: "patch",
    operands: ["<vm>"],
    summary: "Change parts of a VM's firewall; what is not given stays",
    configure: addPolicyOptions,
    run: async ({ session, operands: [vm = ""], options: { mode, rule, policy } }) => {
      const { client, signal } = session;
      const written = { ...(mode && { mode }), ...(rule && { ingress: rule }) };
      const patch = policy === undefined ? written : await readPolicy(policy);
      showPolicy(session, await client.vms.patchFirewall(await vmIdFor(session, vm), patch, { signal }));
    },
  });
}

function addPolicyOptions(command: Command): Command {
  const mode = new Option("--mode <mode>", "what comes in: open, all may; restricted, only the rules");
  const policy = new Option(
    "--policy <file>",
    "JSON with ingress, egress and dns, as the API has them; - is stdin",
  );
  return command
    .option("-r, --rule <rule>", "let in tcp:80 or udp:5000-5010; may be repeated", ingressRule)
    .addOption(mode.choices(["open", "restricted"]))
    .addOption(policy.conflicts(["mode", "rule"]));
}
