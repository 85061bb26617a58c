/**
 * Networks for tests, of namespaces on this machine: a host, an internet behind it, and VMs whose namespaces
 * are wired as the product wires them, the guest being a program in the namespace. Nothing leaves the machine.
 */
import { fileURLToPath } from "node:url";
import { CommandShell } from "../host/command-shell.ts";
import { hostIpv4, namespaceIpv4 } from "../network/addresses.ts";
import { startPrefixed } from "../processes/spawn.ts";
import type { Coprocess } from "../processes/spawn.ts";
import type { FirewallGuest } from "../firewall/guest-port.ts";

export const LAB_PREFIX = "fd12:3456:789a::/64";
export const LAB_GROUP = 77;
const PROBE = fileURLToPath(new URL("network-probe.ts", import.meta.url));
/** What is let through comes back within a few milliseconds; more than this is refused. */
const REACH_MS = 300;
/** A probe that does not answer at all has failed. */
const ANSWER_MS = 20_000;

export interface Target {
  readonly protocol?: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly from?: string;
  readonly timeoutMs?: number;
}

/** One program in one namespace. */
export class Probe {
  readonly #process: Coprocess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #nextId = 1;
  #rest = "";

  constructor(namespace: string) {
    this.#process = startPrefixed(["nsenter", `--net=/run/netns/${namespace}`], process.execPath, [PROBE]);
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const { id, result } = JSON.parse(line) as { id: number; result: unknown };
        this.#waiting.get(id)?.(result);
        this.#waiting.delete(id);
      }
    });
  }

  async listen(target: Target): Promise<void> {
    const result = await this.#ask("listen", target);
    if (result !== true)
      throw new Error(`cannot listen on ${target.address}:${target.port}: ${String(result)}`);
  }

  /** Whether a word comes back from there. */
  async reaches(target: Target): Promise<boolean> {
    return (await this.#ask("reach", { timeoutMs: REACH_MS, ...target })) === true;
  }

  /** Keeps a TCP connection by a name; `echoes` tells whether it is alive. */
  async opens(name: string, target: Target): Promise<boolean> {
    return (await this.#ask("open", { name, timeoutMs: REACH_MS, ...target })) === true;
  }

  async echoes(name: string): Promise<boolean> {
    return (await this.#ask("echo", { name, timeoutMs: REACH_MS })) === true;
  }

  async floods(target: Target, size: number, forMs: number): Promise<number> {
    return Number(await this.#ask("flood", { ...target, size, timeoutMs: forMs }));
  }

  /** A datagram to each of so many ports, from the target's on. */
  async scatters(target: Target, count: number): Promise<void> {
    await this.#ask("scatter", { ...target, size: count });
  }

  /** Datagrams that came since it was last asked. */
  async heard(): Promise<readonly { from: string; bytes: number }[]> {
    return (await this.#ask("heard", {})) as { from: string; bytes: number }[];
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#process.exited.catch(() => undefined);
  }

  #ask(op: string, fields: object): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${op}`)), ANSWER_MS);
      this.#waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.#process.stdin.write(`${JSON.stringify({ protocol: "tcp", ...fields, id, op })}\n`);
    });
  }
}

export class NetworkLab {
  /** Of everything that it makes. */
  readonly name: string;
  /** Runs commands in the host's namespace. */
  readonly shell: CommandShell;
  readonly host: Probe;
  readonly internet: Probe;
  readonly #outside: CommandShell;
  readonly #probes: Probe[] = [];
  readonly #namespaces: string[];

  /** The internet has the given addresses; whatever has no better way goes there. */
  static async create(addresses: readonly string[]): Promise<NetworkLab> {
    const name = `fwt${process.pid}`;
    const outside = new CommandShell();
    await outside.run(labScript(name, addresses));
    return new NetworkLab(name, outside);
  }

  private constructor(name: string, outside: CommandShell) {
    this.name = name;
    this.#outside = outside;
    this.#namespaces = [`${name}-host`, `${name}-net`];
    this.shell = new CommandShell(["nsenter", `--net=/run/netns/${name}-host`]);
    this.host = this.#probe(`${name}-host`);
    this.internet = this.#probe(`${name}-net`);
  }

  guest(index: number): FirewallGuest {
    return {
      index,
      veth: `fv-${index}`,
      namespace: `${this.name}-vm${index}`,
      ipv4: namespaceIpv4(index),
      hostIpv4: hostIpv4(index),
      publicIpv6: `fd12:3456:789a::${index.toString(16)}`,
    };
  }

  /** A VM in its namespace, from which the answer speaks with the VM's addresses. */
  async addVm(index: number): Promise<Probe> {
    const guest = this.guest(index);
    this.#namespaces.push(guest.namespace);
    await this.shell.run(vmScript(guest));
    return this.#probe(guest.namespace);
  }

  async inVm(index: number, command: string): Promise<string> {
    return await this.#outside.run(
      `nsenter --net=/run/netns/${this.guest(index).namespace} sh -c ${quote(command)}`,
    );
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#probes.map((probe) => probe.close()));
    await this.shell.close();
    await this.#outside.run(this.#namespaces.map((name) => `ip netns del ${name}`).join("\n"));
    await this.#outside.close();
  }

  #probe(namespace: string): Probe {
    const probe = new Probe(namespace);
    this.#probes.push(probe);
    return probe;
  }
}

function quote(command: string): string {
  return `'${command.replaceAll("'", `'\\''`)}'`;
}

function labScript(name: string, addresses: readonly string[]): string {
  const assigned = addresses.map(
    (address) => `addr add ${address}/${address.includes(":") ? "128 nodad" : "32"} dev lo`,
  );
  return `
set -e
ip netns add ${name}-host
ip netns add ${name}-net
ip -n ${name}-host link add wan type veth peer name lan netns ${name}-net
nsenter --net=/run/netns/${name}-net ip -batch - <<'EOF'
link set lo up
addr add 203.0.113.254/24 dev lan
addr add 2001:db8::fe/64 dev lan nodad
link set lan up
${assigned.join("\n")}
route add default via 203.0.113.1
route add default via 2001:db8::1 dev lan
EOF
nsenter --net=/run/netns/${name}-host ip -batch - <<'EOF'
link set lo up
addr add 203.0.113.1/24 dev wan
addr add 2001:db8::1/64 dev wan nodad
link set wan up
route add default via 203.0.113.254
route add default via 2001:db8::fe dev wan
EOF
nsenter --net=/run/netns/${name}-host sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
`;
}

function vmScript({ veth, namespace, ipv4, hostIpv4: gateway, publicIpv6 }: FirewallGuest): string {
  return `
set -e
ip netns add ${namespace}
ip link add ${veth} group ${LAB_GROUP} type veth peer name uplink netns ${namespace}
ip -batch - <<'EOF'
addr add ${gateway}/31 dev ${veth}
addr add fe80::1/64 dev ${veth} nodad
link set ${veth} up
route add ${publicIpv6}/128 via fe80::2 dev ${veth}
EOF
nsenter --net=/run/netns/${namespace} ip -batch - <<'EOF'
link set lo up
addr add ${ipv4}/31 dev uplink
addr add fe80::2/64 dev uplink nodad
addr add ${publicIpv6}/128 dev uplink nodad
link set uplink up
route add default via ${gateway}
route add default via fe80::1 dev uplink src ${publicIpv6}
EOF
`;
}
