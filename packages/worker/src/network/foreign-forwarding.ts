/**
 * Others on a host may forbid forwarding to all whom they do not know: Docker sets its FORWARD chains to drop. What another table drops ours cannot let through, but Docker has
 * chains for rules like ours, which it leaves alone; for everybody else `fastvm doctor` names the chain.
 */
import type { CommandShell } from "../host/command-shell.ts";
import type { Instance } from "./network-slot.ts";

/** Docker's own word for "the administrator's rules come here". */
const USER_CHAIN = "DOCKER-USER";
const FAMILIES = ["ip", "ip6"] as const;

/** Lets packets of this daemon's VMs through Docker's chains, where there are any. Can be done again. */
export async function allowThroughDocker(shell: CommandShell, instance: Instance): Promise<void> {
  await forbidThroughDocker(shell, instance);
  const rules = (["iifgroup", "oifgroup"] as const)
    .map(
      (key) =>
        `nft insert rule $family filter ${USER_CHAIN} ${key} ${instance.group} counter accept comment '"${mark(instance)}"'`,
    )
    .join("\n");
  await shell.run(`
set -e
for family in ${FAMILIES.join(" ")}; do
  nft list chain $family filter ${USER_CHAIN} >/dev/null 2>&1 || continue
  ${rules}
done`);
}

export async function forbidThroughDocker(shell: CommandShell, instance: Instance): Promise<void> {
  await shell.run(`
for family in ${FAMILIES.join(" ")}; do
  nft -a list chain $family filter ${USER_CHAIN} 2>/dev/null | sed -n 's/.*comment "${mark(instance)}" # handle \\([0-9]*\\)$/\\1/p' |
    while read -r handle; do nft delete rule $family filter ${USER_CHAIN} handle $handle; done
done
true`);
}

interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/** Chains that drop what is forwarded and have no place beside them for rules like ours, as `ip filter FORWARD` of a host with ufw. */
export async function closedForwardChains(shell: CommandShell): Promise<readonly string[]> {
  const { nftables } = JSON.parse(await shell.run("nft -j list chains")) as {
    nftables: { chain?: ListedChain }[];
  };
  const chains = nftables.flatMap(({ chain }) => chain ?? []);
  const tableOf = ({ family, table }: ListedChain): string => `${family} ${table}`;
  const opened = new Set(chains.filter(({ name }) => name === USER_CHAIN).map(tableOf));
  return chains
    .filter((chain) => chain.hook === "forward" && chain.policy === "drop" && !opened.has(tableOf(chain)))
    .map((chain) => `${tableOf(chain)} ${chain.name}`);
}

function mark(instance: Instance): string {
  return `fastvm_${instance.name}`;
}
