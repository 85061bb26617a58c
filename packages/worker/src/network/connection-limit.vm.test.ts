/** How many connections a policy lets a VM have open, in the kernel: a guest behind `tap0` of a namespace, a server behind `uplink`. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandShell } from "../host/command-shell.ts";
import { parseNetwork } from "../ip/ip-network.ts";
import { policy } from "../testing/policies.ts";
import { Doors } from "./doors.ts";
import { instanceOf, vmNetworkOf } from "./vm-network.ts";

const vmNetwork = vmNetworkOf(instanceOf("d00fd1"), { index: 8, publicIpv6: "fd12:3456:789a::8" });
const MIDDLE = vmNetwork.namespace;
const GUEST = `${MIDDLE}-guest`;
const SERVER = `${MIDDLE}-server`;
const LIMIT = 3;

/** Opens so many, one after the other; says how each went; keeps them until it ends, but for those that it is told to close. */
const OPEN = `
import socket, sys, time
said, kept = [], []
for step in sys.argv[1:]:
    if step == "close":
        kept.pop().close()
        time.sleep(1)
        continue
    connection = socket.socket()
    connection.settimeout(5)
    try:
        connection.connect(("198.51.100.1", 8080))
        kept.append(connection)
        said.append("open")
    except ConnectionResetError:
        said.append("reset")
    except ConnectionRefusedError:
        said.append("refused")
print(" ".join(said))
`;

let shell: CommandShell;

beforeEach(async () => {
  shell = new CommandShell();
  await shell.run(`set -e
for name in ${MIDDLE} ${GUEST} ${SERVER}; do ip netns add $name; ip -n $name link set lo up; done
ip link add tap0 netns ${MIDDLE} type veth peer name eth0 netns ${GUEST}
ip link add uplink netns ${MIDDLE} type veth peer name eth0 netns ${SERVER}
nsenter --net=/run/netns/${MIDDLE} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip -n ${MIDDLE} addr add 203.0.113.1/24 dev tap0
ip -n ${MIDDLE} addr add 198.51.100.2/24 dev uplink
ip -n ${GUEST} addr add 203.0.113.2/24 dev eth0
ip -n ${SERVER} addr add 198.51.100.1/24 dev eth0
for end in ${MIDDLE}:tap0 ${MIDDLE}:uplink ${GUEST}:eth0 ${SERVER}:eth0; do ip -n \${end%:*} link set \${end#*:} up; done
ip -n ${GUEST} route add default via 203.0.113.1
ip -n ${SERVER} route add default via 198.51.100.2
nsenter --net=/run/netns/${SERVER} python3 -m http.server 8080 >/dev/null 2>&1 & echo $! >/run/${SERVER}.pid
for i in $(seq 100); do
  nsenter --net=/run/netns/${SERVER} bash -c 'echo >/dev/tcp/127.0.0.1/8080' 2>/dev/null && break
  sleep 0.1
done`);
});

afterEach(async () => {
  await shell.run(`kill $(cat /run/${SERVER}.pid); rm /run/${SERVER}.pid
for name in ${MIDDLE} ${GUEST} ${SERVER}; do ip netns del $name; done`);
  await shell.close();
});

async function opens(...steps: readonly string[]): Promise<string> {
  const program = `python3 -c '${OPEN}' ${steps.join(" ")}`;
  return (await shell.run(`nsenter --net=/run/netns/${GUEST} ${program}`)).trim();
}

test("one too many is reset, and one that ended makes room", async () => {
  const vmPrefix = parseNetwork("fd12:3456:789a::/64");
  if (vmPrefix === undefined) throw new Error("no prefix");
  const doors = new Doors(shell, { resolverPort: 5399, vmPrefix }, () => undefined);
  const unbounded = policy([], [], { egressDefault: "allow" });
  await doors.set(vmNetwork, unbounded);
  expect(await opens("open", "open", "open", "open")).toBe("open open open open");
  await doors.set(vmNetwork, { ...unbounded, maxConnections: LIMIT });
  expect(await opens("open", "open", "open", "open", "close", "open")).toBe("open open open refused open");
  expect((await doors.report(vmNetwork.index))?.dropped.packets).toBeGreaterThan(0);
});
