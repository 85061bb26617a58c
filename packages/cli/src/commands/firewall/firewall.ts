import { Command, Option } from "commander";
import type { FirewallRule, NetworkPolicy, NetworkRule, Vm } from "fastvm";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";
import { ingressRule } from "./ingress-rule.ts";

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
    summary: "Show a VM's firewall",
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      show(session, await client.vms.get(await vmIdFor(session, vm), { signal }));
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
      show(
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
      show(session, await client.vms.patchFirewall(await vmIdFor(session, vm), patch, { signal }));
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

function show(session: Session, { firewall }: Vm): void {
  if (session.isJson) printJson(firewall ?? null);
  else if (firewall === undefined) printLine("No policy: nothing comes in, everything may go out");
  else if ("mode" in firewall) showIngress(firewall.mode, firewall.ingress ?? []);
  else showNetworkPolicy(firewall);
}

function showIngress(mode: string, rules: readonly FirewallRule[]): void {
  printLine(`mode: ${mode}`);
  if (rules.length === 0) return;
  const rows = rules.map(({ protocol, portStart, portEnd, sourceCidrs, description }) => [
    protocol,
    portEnd === undefined || portEnd === portStart ? String(portStart) : `${portStart}-${portEnd}`,
    sourceCidrs?.join(",") || "any",
    description ?? "",
  ]);
  printLine(renderTable(["PROTOCOL", "PORTS", "FROM", "DESCRIPTION"], rows));
}

function showNetworkPolicy({ ingress, egress, dns }: NetworkPolicy): void {
  const directions = [["in", ingress] as const, ["out", egress] as const];
  const rows = directions.flatMap(([direction, block]) => [
    ...(block?.rules ?? []).map((rule) => ruleRow(direction, rule)),
    [
      direction,
      block?.default ?? (direction === "in" ? "deny" : "allow"),
      "everything else",
      "any",
      "any",
      "",
    ],
  ]);
  printLine(renderTable(["WAY", "ACTION", "PEER", "PROTOCOL", "PORTS", "DESCRIPTION"], rows));
  const { mode = "deny", domains = [], blockBypass = false } = dns ?? {};
  printLine(
    `names: ${mode} ${domains.join(", ") || "(none)"}${blockBypass ? ", other resolvers blocked" : ""}`,
  );
}

function ruleRow(direction: string, rule: NetworkRule): string[] {
  return [direction, rule.action, rule.value, rule.protocol, rule.ports, rule.description ?? ""];
}
