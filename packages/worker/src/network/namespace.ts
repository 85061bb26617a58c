/** Makes and removes the namespace of a VM: its devices, addresses and the translation between the guest's addresses and its own. */
import { DEFAULT_DOOR, renderDoor } from "../firewall/render-door.ts";
import type { DoorOptions } from "../firewall/render-door.ts";
import { OPENINGS } from "../firewall/render-table.ts";
import type { GuestLinkSettings } from "@fastvm/contract";
import type { CommandShell } from "../host/command-shell.ts";
import {
  GATEWAY_IPV4,
  GATEWAY_IPV6,
  GATEWAY_MAC,
  GUEST_IPV4,
  GUEST_IPV6,
  GUEST_LINK_LOCAL,
  GUEST_MAC,
  HOST_LINK_LOCAL,
  HOST_MAC,
  NAMESPACE_LINK_LOCAL,
  NAMESPACE_MAC,
  RESOLVER_PORT,
} from "./addresses.ts";
import { guestAddresses } from "./guest-addresses.ts";
import type { Instance, VmNetwork } from "./vm-network.ts";

/** The device in the namespace that QEMU opens. */
export const TAP = "tap0";
const UPLINK = "uplink";
/** Where `ip netns` keeps namespaces by name. */
const NAMESPACE_FOLDER = "/run/netns";

export function namespacePath(vmNetwork: VmNetwork): string {
  return `${NAMESPACE_FOLDER}/${vmNetwork.namespace}`;
}

/**
 * `false`, and nothing made, when the index is somebody else's. Most of its time, about 20 ms, goes into starting programs: so what is
 * the host's is one batch, whose second line fails when the name is taken, and routes are told apart by the shell itself.
 */
export async function makeNamespace(
  shell: CommandShell,
  instance: Instance,
  vmNetwork: VmNetwork,
  { hostIpv6, door }: { readonly hostIpv6: string | undefined; readonly door: DoorOptions },
): Promise<boolean> {
  const printed = await shell.run(`
set -e
routes=$(ip -4 route show table all match ${vmNetwork.ipv4}/31)
while read -r route; do
  case $route in
  '' | 'default '* | 'local default '* | '169.254.0.0/16 '* | *' 169.254.0.0/16 '*) ;;
  *) echo taken; exit 0 ;;
  esac
done <<ROUTES
$routes
ROUTES
if [ -e ${namespacePath(vmNetwork)} ]; then echo "${vmNetwork.namespace} is there already"; exit 1; fi
undo() { ip netns del ${vmNetwork.namespace} 2>/dev/null; }
trap '[ $? = 0 ] || undo' EXIT
# The folder of namespaces is everybody's, also when this makes it.
umask 022
said=$(ip -batch - 2>&1 <<'EOF'
netns add ${vmNetwork.namespace}
link add ${vmNetwork.veth} group ${instance.group} type veth peer name ${UPLINK} netns ${vmNetwork.namespace}
link set ${vmNetwork.veth} addrgenmode none
link set ${vmNetwork.veth} address ${HOST_MAC}
addr add ${vmNetwork.hostIpv4}/31 dev ${vmNetwork.veth}
link set ${vmNetwork.veth} up
neigh replace ${vmNetwork.ipv4} lladdr ${NAMESPACE_MAC} dev ${vmNetwork.veth} nud permanent
${hostIpv6 === undefined ? "" : hostIpv6Commands(vmNetwork, hostIpv6)}
EOF
) || {
  case $said in *'File exists'*'Command failed -:2'*) undo; echo taken; exit 0 ;; esac
  echo "$said"
  exit 1
}
nsenter --net=${namespacePath(vmNetwork)} sh -e <<'INSIDE'
echo 1 >/proc/sys/net/ipv4/ip_forward
${hostIpv6 === undefined ? "" : "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"}
ip -batch - <<'EOF'
link set lo up
link set ${UPLINK} addrgenmode none
link set ${UPLINK} address ${NAMESPACE_MAC}
addr add ${vmNetwork.ipv4}/31 dev ${UPLINK}
link set ${UPLINK} up
neigh replace ${vmNetwork.hostIpv4} lladdr ${HOST_MAC} dev ${UPLINK} nud permanent
tuntap add ${TAP} mode tap vnet_hdr
link set ${TAP} addrgenmode none
link set ${TAP} address ${GATEWAY_MAC}
addr add ${GATEWAY_IPV4}/32 dev ${TAP}
link set ${TAP} up
route add ${GUEST_IPV4}/32 dev ${TAP}
neigh replace ${GUEST_IPV4} lladdr ${GUEST_MAC} dev ${TAP} nud permanent
route add default via ${vmNetwork.hostIpv4}
${hostIpv6 === undefined ? "" : NAMESPACE_IPV6_COMMANDS}
EOF
nft -f - <<'EOF'
${translation(vmNetwork, guestAddresses())}
${renderDoor(vmNetwork, DEFAULT_DOOR, door)}EOF
INSIDE
`);
  return !printed.endsWith("taken\n");
}

/**
 * The kernel has one table of neighbours for all namespaces, and 1,024 places in it. So nothing here makes
 * it look for one: the peers are settled, and behind the guest's device is the guest and nobody else.
 */
const NAMESPACE_IPV6_COMMANDS = `addr add ${NAMESPACE_LINK_LOCAL}/64 dev ${UPLINK} nodad
neigh replace ${HOST_LINK_LOCAL} lladdr ${HOST_MAC} dev ${UPLINK} nud permanent
addr add ${GATEWAY_IPV6}/128 dev ${TAP} nodad
route add ${GUEST_IPV6}/128 dev ${TAP}
neigh replace ${GUEST_IPV6} lladdr ${GUEST_MAC} dev ${TAP} nud permanent
route add default via ${HOST_LINK_LOCAL} dev ${UPLINK}`;

function hostIpv6Commands(vmNetwork: VmNetwork, hostIpv6: string): string {
  return `addr add ${HOST_LINK_LOCAL}/64 dev ${vmNetwork.veth} nodad
neigh replace ${NAMESPACE_LINK_LOCAL} lladdr ${NAMESPACE_MAC} dev ${vmNetwork.veth} nud permanent
${routeCommand(vmNetwork, hostIpv6)}`;
}

interface Readdressing {
  /** Which it was made with. */
  readonly formerIpv6: string;
  readonly hostIpv6: string | undefined;
  readonly guestLink: GuestLinkSettings | undefined;
}

/** Gives a namespace the address of the VM that moves in, in place of the one it was made with, and knows what its guest has. */
export async function readdress(
  shell: CommandShell,
  vmNetwork: VmNetwork,
  { formerIpv6, hostIpv6, guestLink }: Readdressing,
): Promise<void> {
  const own = guestAddresses(guestLink);
  const routes = `ip -batch - <<'EOF'
route del ${formerIpv6}/128 dev ${vmNetwork.veth}
${hostIpv6 === undefined ? "" : routeCommand(vmNetwork, hostIpv6)}
EOF`;
  await shell.run(`
set -e
${hostIpv6 === undefined ? "" : routes}
nsenter --net=${namespacePath(vmNetwork)} sh -e <<'INSIDE'
${guestLink === undefined ? "" : guestRoutes(own, hostIpv6 !== undefined)}
nft -f - <<'EOF'
delete table inet fastvm
delete table arp fastvm
${translation(vmNetwork, own)}
EOF
INSIDE
`);
}

/**
 * With the namespace go its devices, but some time later; the link goes at once, and with
 * it the host's end and its routes. Also of a namespace that is half made or not there.
 */
export async function removeNamespace(shell: CommandShell, name: string): Promise<void> {
  const path = `${NAMESPACE_FOLDER}/${name}`;
  await shell.run(`
[ ! -e ${path} ] && exit 0
ip -n ${name} link del ${UPLINK} 2>/dev/null
ip netns del ${name}`);
}

type Guest = Required<GuestLinkSettings>;

/** Where the guest is, if it has other addresses than all. */
function guestRoutes({ mac, mtu, ipv4, ipv6 }: Guest, hasIpv6: boolean): string {
  const size = `ip link set ${TAP} mtu ${mtu}`;
  const routes = [ipv4, ...(hasIpv6 ? [ipv6] : [])].map(
    (address) => `ip route replace ${address} dev ${TAP}
ip neigh replace ${address} lladdr ${mac} dev ${TAP} nud permanent`,
  );
  return [size, ...routes].join("\n");
}

function routeCommand(vmNetwork: VmNetwork, hostIpv6: string): string {
  return `route replace ${vmNetwork.publicIpv6}/128 via ${NAMESPACE_LINK_LOCAL} dev ${vmNetwork.veth} src ${hostIpv6}`;
}

/**
 * What comes from the guest must be from the guest. Questions about names go to our resolver whomever they were meant for. The policy is
 * not here but on the host, in one place for all VMs; what it lets through at most is in the table beside this (firewall/render-door.ts).
 */
function translation(vmNetwork: VmNetwork, { mac, ipv4, ipv6 }: Guest): string {
  return `table arp fastvm {
  chain guard {
    type filter hook input priority filter; policy accept;
    iifname "${TAP}" arp saddr ip != ${ipv4} drop
    iifname "${TAP}" arp saddr ether != ${mac} drop
  }
}
table inet fastvm {
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname "${TAP}" ether saddr != ${mac} drop
    iifname "${TAP}" ip saddr != ${ipv4} drop
    iifname "${TAP}" ip6 saddr != { ${ipv6}, ${GUEST_LINK_LOCAL} } drop
    iifname "${TAP}" icmpv6 type { nd-router-advert, nd-redirect } drop
    iifname "${TAP}" meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 drop
  }
  chain openings {
    type filter hook prerouting priority mangle; policy accept;
    iifname "${TAP}" ct status & confirmed != confirmed limit rate over ${OPENINGS} drop
  }
  chain inbound {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${TAP}" meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to ${vmNetwork.hostIpv4}:${RESOLVER_PORT}
    iifname "${UPLINK}" ip6 daddr ${vmNetwork.publicIpv6} dnat ip6 to ${ipv6}
  }
  chain outbound {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${UPLINK}" ip saddr ${ipv4} snat ip to ${vmNetwork.ipv4}
    oifname "${UPLINK}" ip6 saddr ${ipv6} snat ip6 to ${vmNetwork.publicIpv6}
  }
}`;
}
