/** What the host must do for its VMs besides a namespace each: forward packets, and know the network of their public addresses. */
import { readFile, readdir, writeFile } from "node:fs/promises";
import type { CommandShell } from "../host/command-shell.ts";
import { isErrno } from "../files/errno.ts";
import { formatVmPrefix, hostIpv6 } from "./addresses.ts";
import type { VmPrefix } from "./addresses.ts";

const SYSCTL = "/proc/sys/net";

/**
 * Turns forwarding on, for the machine, and leaves it on: it cannot be known who else relies on it since. Addresses of the network that no VM has lead nowhere, so
 * that no packet runs round between the host and its router.
 */
export async function prepareHost(shell: CommandShell, prefix: VmPrefix): Promise<void> {
  await forward(`${SYSCTL}/ipv4/ip_forward`);
  await keepRouterAdvertisements();
  await forward(`${SYSCTL}/ipv6/conf/all/forwarding`);
  await shell.run(`
set -e
ip -6 addr replace ${hostIpv6(prefix)}/128 dev lo
ip link set lo up
ip -6 route replace unreachable ${formatVmPrefix(prefix)} metric 4096
`);
}

export async function forgetHost(shell: CommandShell, prefix: VmPrefix): Promise<void> {
  await shell.run(`
ip -6 route del unreachable ${formatVmPrefix(prefix)} metric 4096
ip -6 addr del ${hostIpv6(prefix)}/128 dev lo
`);
}

async function forward(path: string): Promise<void> {
  if ((await readFile(path, "utf8")).trim() !== "1") await writeFile(path, "1");
}

/** A host that forwards stops listening to routers unless told to go on, and would lose its own route to the world after a while. */
async function keepRouterAdvertisements(): Promise<void> {
  const folder = `${SYSCTL}/ipv6/conf`;
  for (const name of await readdir(folder)) {
    const path = `${folder}/${name}/accept_ra`;
    try {
      if ((await readFile(path, "utf8")).trim() === "1" && name !== "all" && name !== "default") {
        await writeFile(path, "2");
      }
    } catch (error) {
      // The interface went away meanwhile.
      if (!isErrno(error, "ENOENT", "ENODEV")) throw error;
    }
  }
}
