/** What the host must do for its VMs besides a namespace each: forward packets, and know the network of their public addresses. */
import { readFile, writeFile } from "node:fs/promises";
import type { CommandShell } from "../host/command-shell.ts";
import { isErrno } from "../files/errno.ts";
import { formatVmPrefix, hostIpv6 } from "./addresses.ts";
import type { VmPrefix } from "./addresses.ts";

const IPV4_FORWARDING = "/proc/sys/net/ipv4/ip_forward";
const IPV6_SETTINGS = "/proc/sys/net/ipv6/conf";

/** Whether the host speaks IPv6 at all; where it does not, its VMs do not either. */
export async function hasIpv6(): Promise<boolean> {
  for (const name of ["all", "lo", "default"]) {
    if ((await read(`${IPV6_SETTINGS}/${name}/disable_ipv6`)) !== "0") return false;
  }
  return true;
}

/**
 * Turns forwarding on, for the machine, and leaves it on: it cannot be known who else relies on it since. Addresses
 * of the network that no VM has lead nowhere, so that no packet runs round between the host and its router.
 */
export async function prepareHost(shell: CommandShell, prefix: VmPrefix | undefined): Promise<void> {
  if ((await read(IPV4_FORWARDING)) !== "1") await writeFile(IPV4_FORWARDING, "1");
  if (prefix === undefined) return;
  await forwardIpv6(shell);
  await shell.run(`
set -e
ip -6 addr replace ${hostIpv6(prefix)}/128 dev lo
ip link set lo up
ip -6 route replace unreachable ${formatVmPrefix(prefix)} metric 4096
`);
}

export async function forgetHost(shell: CommandShell, prefix: VmPrefix | undefined): Promise<void> {
  if (prefix === undefined) return;
  await shell.run(`
ip -6 route del unreachable ${formatVmPrefix(prefix)} metric 4096
ip -6 addr del ${hostIpv6(prefix)}/128 dev lo
`);
}

/**
 * A host that forwards stops listening to routers unless told to go on, and would lose its own
 * route to the world after a while. Only interfaces that have learned one are told so: on the
 * others, which may be a network of somebody else's guests, nobody shall become its router.
 */
async function forwardIpv6(shell: CommandShell): Promise<void> {
  const forwarding = `${IPV6_SETTINGS}/all/forwarding`;
  if ((await read(forwarding)) === "1") return;
  const routes = await shell.run("ip -6 route show proto ra");
  const learned = new Set([...routes.matchAll(/ dev ([^ ]+)/g)].map(([, name = ""]) => name));
  for (const name of learned) {
    const path = `${IPV6_SETTINGS}/${name}/accept_ra`;
    if ((await read(path)) === "1") await writeFile(path, "2");
  }
  await writeFile(forwarding, "1");
}

/** `undefined` where there is no such setting. */
async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "ENOTDIR")) return undefined;
    throw error;
  }
}
