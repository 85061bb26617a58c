/**
 * What a change of the firewall costs on a host of 200 VMs: time until it is in force, and how long it holds the daemon's event loop up.
 */
import { execFile } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { NetworkPolicy } from "@fastvm/contract";
import { Firewall } from "../../packages/worker/src/firewall/firewall.ts";
import type { FirewallGuest } from "../../packages/worker/src/firewall/guest-port.ts";
import { CommandShell } from "../../packages/worker/src/host/command-shell.ts";
import { timed } from "../statistics.ts";

const run = promisify(execFile);
const VMS = 200;
const NAMES = 3;
const INSTANCE = "bec400";
const NANOSECONDS_PER_MS = 1e6;

interface FirewallSamples {
  /** The same shell and nft, asked for nothing. */
  readonly floorNftMs: readonly number[];
  /** Without the shell's own part. */
  readonly attachMs: readonly number[];
  /** The same, when each VM has three rules by name and blocks what goes around the resolver. */
  readonly attachNamesMs: readonly number[];
  readonly updateMs: readonly number[];
  readonly blockMs: readonly number[];
}

export async function measureFirewall(rounds: number): Promise<FirewallSamples> {
  const namespace = `fastvm-bench-${process.pid}`;
  await run("ip", ["netns", "add", namespace]);
  const shell = new CommandShell(["nsenter", `--net=/run/netns/${namespace}`]);
  try {
    const firewall = await Firewall.open({
      shell,
      instance: INSTANCE,
      group: 1,
      resolverPort: 5399,
      vmPrefix: "fd00:1:2:3::/64",
      onError: (error) => console.error(error),
    });
    await firewall.restore(guests(0));
    const samples = await repeat(rounds, firewall, shell, 0);
    await firewall.restore(guests(NAMES));
    const named = await repeat(rounds, firewall, shell, NAMES);
    await firewall.close({ keep: false });
    return { ...samples, attachNamesMs: named.attachMs };
  } finally {
    await shell.close();
    await run("ip", ["netns", "del", namespace]);
  }
}

type Repeated = Omit<FirewallSamples, "attachNamesMs">;

async function repeat(
  rounds: number,
  firewall: Firewall,
  shell: CommandShell,
  names: number,
): Promise<Repeated> {
  const samples = { floorNftMs: [], attachMs: [], updateMs: [], blockMs: [] } as Record<
    keyof Repeated,
    number[]
  >;
  for (let round = 0; round < rounds; round++) {
    // The queue may still hold the end of the round before.
    await shell.run(":");
    const shellMs = await timed(() => shell.run(":"));
    samples.floorNftMs.push((await timed(() => shell.run("nft -f - <<'EOF'\nEOF"))) - shellMs);
    samples.attachMs.push((await timed(() => firewall.attach(guest(VMS), policy(VMS, names)))) - shellMs);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await sleep(20);
    samples.updateMs.push(await timed(() => firewall.update(round % VMS, policy(round + 1, names))));
    await sleep(20);
    delay.disable();
    // The monitor's own timer counts as delay.
    samples.blockMs.push(Math.max(delay.max / NANOSECONDS_PER_MS - 1, 0));
    await firewall.detach(VMS);
  }
  return samples;
}

function guests(names: number): { guest: FirewallGuest; policy: NetworkPolicy }[] {
  return Array.from({ length: VMS }, (_, at) => ({ guest: guest(at), policy: policy(at, names) }));
}

function guest(index: number): FirewallGuest {
  return {
    index,
    veth: `fv-${index}`,
    namespace: `fastvm-bench-vm-${index}`,
    hostIpv4: `169.254.${10 + (index >> 7)}.${(index & 127) * 2}`,
    ipv4: `169.254.${10 + (index >> 7)}.${(index & 127) * 2 + 1}`,
    publicIpv6: `fd00:1:2:3::${(index + 1).toString(16)}`,
  };
}

/** Nine rules by network, as a careful user's would be. */
function policy(seed: number, nameCount: number): NetworkPolicy {
  const networks = Array.from({ length: 6 }, (_, at) => `198.51.${(seed + at) % 256}.0/24`);
  const names = Array.from({ length: nameCount }, (_, at) => `*.name-${(seed + at) % 50}.example`);
  return {
    ingress: {
      default: "deny",
      rules: [22, 80, 443].map((port) => ({
        action: "allow",
        kind: "cidr",
        value: "::/0",
        protocol: "tcp",
        ports: String(port),
      })),
    },
    egress: {
      default: "deny",
      rules: [
        ...networks.map(
          (value) => ({ action: "allow", kind: "cidr", value, protocol: "tcp", ports: "443" }) as const,
        ),
        ...names.map(
          (value) => ({ action: "allow", kind: "fqdn", value, protocol: "tcp", ports: "443" }) as const,
        ),
      ],
    },
    dns: { mode: "deny", domains: [], blockBypass: nameCount > 0 },
  };
}
