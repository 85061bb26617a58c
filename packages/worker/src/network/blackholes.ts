/**
 * Routing rules by which nothing of a VM leaves the host to a port that is intercepted, unless the firewall has led it to a proxy: that
 * marks it, and the rule for marks comes before. They stand where somebody has flushed all tables, between two daemons too.
 */
import type { InterceptionPolicy } from "@fastvm/contract";
import type { CommandShell } from "../host/command-shell.ts";
import type { VmNetwork } from "./vm-network.ts";
import { VETH_PREFIX } from "./vm-network.ts";

/** Behind the rule for marks (firewall/render-intercept.ts), before the host's own. */
const PREFERENCE = 5211;

type Device = Pick<VmNetwork, "veth">;

export class Blackholes {
  readonly #shell: CommandShell;
  readonly #families: readonly string[];

  constructor(shell: CommandShell, hasIpv6: boolean) {
    this.#shell = shell;
    this.#families = hasIpv6 ? ["-4", "-6"] : ["-4"];
  }

  /** In place of those that there are; without a policy there are none. */
  async set({ veth }: Device, policy: InterceptionPolicy | undefined): Promise<void> {
    const ports = [...(policy?.ports ?? [])];
    const closed = [
      ...ports.map((port) => `tcp dport ${port}`),
      ...(policy?.blockQuic === true ? ports.map((port) => `udp dport ${port}`) : []),
    ];
    const script = this.#families.flatMap((family) => [
      `while ip ${family} rule del pref ${PREFERENCE} iif ${veth} 2>/dev/null; do :; done`,
      ...closed.map(
        (what) => `ip ${family} rule add pref ${PREFERENCE} iif ${veth} ipproto ${what} blackhole`,
      ),
    ]);
    await this.#shell.run(["set -e", ...script].join("\n"));
  }

  /** Of devices that are gone, whoever's: another VM may get the name. */
  async sweep(): Promise<void> {
    for (const family of this.#families) {
      const listed = await this.#shell.run(`ip ${family} rule show pref ${PREFERENCE}`);
      const gone = [...listed.matchAll(/ iif (\S+) \[detached\]/g)].map(([, veth = ""]) => veth);
      for (const veth of new Set(gone)) if (veth.startsWith(VETH_PREFIX)) await this.set({ veth }, undefined);
    }
  }
}
