/** Whether this process may make what VMs' networks consist of, found out by making it once in a namespace that is gone afterwards. */
import { CommandShell } from "../host/command-shell.ts";
import { closedChains } from "./foreign-forwarding.ts";
import { hasIpv6 } from "./host-routing.ts";

type NetworkFinding =
  | { readonly kind: "works"; readonly ipv6: boolean }
  /** What did not, and the kernel's reason. */
  | { readonly kind: "fails"; readonly reason: string };

export async function inspectNetwork(): Promise<NetworkFinding> {
  const name = `fastvm-probe-${process.pid}`;
  const shell = new CommandShell();
  try {
    await shell.run(`
set -e
[ -c /dev/net/tun ] || { echo "there is no /dev/net/tun"; exit 1; }
ip netns add ${name}
trap 'ip netns del ${name}' EXIT
nsenter --net=/run/netns/${name} sh -e <<'EOF'
ip link add probe0 type veth peer name probe1
ip tuntap add probe2 mode tap vnet_hdr
tc qdisc add dev probe0 root tbf rate 1000kbit burst 32k latency 50ms
printf 'table inet probe {
 chain nat {
 type nat hook postrouting priority srcnat
 oifname probe1 masquerade
 }
 chain filter {
 type filter hook prerouting priority filter
 ct original ip daddr 10.0.0.0/8 fib daddr type local drop
 }
}
' | nft -f -
EOF
`);
    const closed = await closedChains(shell);
    if (closed.length === 0) return { kind: "works", ipv6: await hasIpv6() };
    const reason = `other firewall rules drop packets of VMs: ${closed.join(", ")}`;
    return { kind: "fails", reason };
  } catch (error) {
    return { kind: "fails", reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await shell.close();
  }
}
