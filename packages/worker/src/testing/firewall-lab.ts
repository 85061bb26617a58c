/** A firewall, a VM behind it and an internet before it, new for each test of a file: what tests of policies in force begin with. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { Firewall } from "../firewall/firewall.ts";
import type { LearnedAddress } from "../firewall/guest-port.ts";
import type { CommandShell } from "../host/command-shell.ts";
import { LAB_GROUP, LAB_PREFIX, NetworkLab } from "./network-lab.ts";
import type { Probe } from "./network-lab.ts";
import { policy, tcp, udp } from "./policies.ts";

export const SITE4 = "198.51.100.7";
export const SITE6 = "2001:db8:1::7";
export const OTHER4 = "198.51.100.200";
export const PRIVATE4 = "10.9.9.9";
const ADDRESSES = [SITE4, SITE6, OTHER4, PRIVATE4];
/** The VM's. */
export const INDEX = 710;
export const NAME = "www.example.test";
const INSTANCE = "abc124";
export const TABLE = `inet fastvm_${INSTANCE}`;
export const allowAll = policy([], [], { egressDefault: "allow" });

export function learned(address: string, ttlSec: number, name = NAME): readonly LearnedAddress[] {
  return [{ name, isAlias: false, address, ttlSec }];
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`);
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether it came to be so in time. */
export async function waitFor(isSo: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const until = Date.now() + timeoutMs; Date.now() < until; await sleep(20)) {
    if (await isSo()) return true;
  }
  return false;
}

class FirewallLab {
  readonly lab: NetworkLab;
  readonly vm: Probe;
  /** The one that the test at hand speaks to. */
  firewall: Firewall;
  readonly errors: Error[];

  static async start(): Promise<FirewallLab> {
    const lab = await NetworkLab.create(ADDRESSES);
    const vm = await lab.addVm(INDEX);
    for (const address of ADDRESSES) {
      await lab.internet.listen(tcp(address));
      await lab.internet.listen(udp(address));
    }
    const { publicIpv6 } = lab.guest(INDEX);
    await vm.listen(tcp(publicIpv6, 22));
    await vm.listen(udp(publicIpv6, 22));
    const errors: Error[] = [];
    return new FirewallLab(lab, vm, await open(lab.shell, errors), errors);
  }

  private constructor(lab: NetworkLab, vm: Probe, firewall: Firewall, errors: Error[]) {
    this.lab = lab;
    this.vm = vm;
    this.firewall = firewall;
    this.errors = errors;
  }

  open(shell: CommandShell = this.lab.shell): Promise<Firewall> {
    return open(shell, this.errors);
  }

  async nft(command: string): Promise<string> {
    return await this.lab.shell.run(`nft '${command}'`);
  }
}

function open(shell: CommandShell, errors: Error[]): Promise<Firewall> {
  return Firewall.open({
    ...{ shell, instance: INSTANCE, group: LAB_GROUP, resolverPort: 5399, vmPrefix: LAB_PREFIX },
    onError: (error) => errors.push(error),
  });
}

/** For the file that calls it. Each test has a new firewall, and leaves no table. */
export function useFirewallLab(): FirewallLab {
  let started: FirewallLab | undefined;
  const now = (): FirewallLab => {
    if (started === undefined) throw new Error("the lab is there in tests only");
    return started;
  };
  beforeAll(async () => {
    started = await FirewallLab.start();
    await started.firewall.close({ keep: false });
  });
  afterAll(() => started?.lab.destroy());
  beforeEach(async () => {
    now().errors.length = 0;
    now().firewall = await now().open();
  });
  afterEach(async () => {
    await now().firewall.close({ keep: false });
    expect(await now().nft("list tables")).not.toContain("fastvm_");
  });
  return {
    get lab() {
      return now().lab;
    },
    get vm() {
      return now().vm;
    },
    get errors() {
      return now().errors;
    },
    get firewall() {
      return now().firewall;
    },
    set firewall(firewall) {
      now().firewall = firewall;
    },
    open: (shell) => now().open(shell),
    nft: (command) => now().nft(command),
  };
}
