/** `fastvm ssh`: the system's ssh, to a VM's public address. */
import type { Command } from "commander";
import { spawn } from "node:child_process";
import type { Vm } from "fastvm";
import { handsOnAllAfter } from "../../command-line/remote-command.ts";
import { remark } from "../../output/print.ts";
import { printable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { opensPort } from "../firewall/opens-port.ts";
import { vmIdFor } from "../resolve.ts";

export function sshCommand(): Command {
  const command = apiCommand({
    name: "ssh",
    operands: ["<vm>", "[arguments...]"],
    summary: "Log in to a VM by the system's ssh, over its public IPv6 address",
    run: async ({ session, operands: [ref = "", ...words] }) => {
      const { client, signal } = session;
      const vm = await client.vms.get(await vmIdFor(session, ref), { signal });
      if (!vm.publicIpv6)
        throw new UserError(
          `VM ${vm.name} has no public IPv6 address`,
          "Use: fastvm exec, or fastvm console",
        );
      await refuseClosedPort(session, vm);
      const status = await runSsh([...ACCEPT_NEW_HOSTS, "-l", "root", vm.publicIpv6, ...words]);
      if (status === SSH_FAILED) remark(`Hint: ${printable(hintOf(vm.name))}`);
      process.exitCode = status;
    },
  });
  return handsOnAllAfter(command, 1);
}

/** What the firewall drops is never answered: ssh would wait for minutes, and then say only that time ran out. */
async function refuseClosedPort({ client, signal }: Session, vm: Vm): Promise<void> {
  const { policy } = await client.vms.firewall.get(vm.id, { signal });
  if (opensPort(policy, "tcp", SSH_PORT)) return;
  throw new UserError(
    `The firewall of VM ${vm.name} lets nobody in at port ${SSH_PORT}`,
    `Open it with: fastvm firewall patch ${vm.name} -r tcp:${SSH_PORT}; or use: fastvm exec, fastvm console`,
  );
}

const SSH_PORT = 22;
/**
 * A new VM has a new host key at an address that nobody had before: there is nothing to
 * compare it with. A changed one is refused all the same.
 */
const ACCEPT_NEW_HOSTS = ["-o", "StrictHostKeyChecking=accept-new"];
/** What ssh ends with when it was ssh that failed. */
const SSH_FAILED = 255;

function hintOf(name: string): string {
  return `Is port 22 open (fastvm firewall patch ${name} -r tcp:22), and your key known (fastvm ssh-key add)?`;
}

/** ssh has the terminal, Ctrl-C included, and its exit code is ours. */
function runSsh(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const ssh = spawn("ssh", args, { stdio: "inherit" });
    ssh.once("error", (error) =>
      reject(new UserError(`ssh cannot be started: ${error.message}`, "Install openssh-client")),
    );
    ssh.once("exit", (code) => resolve(code ?? 1));
  });
}
