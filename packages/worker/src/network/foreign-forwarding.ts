/**
 * Others on a host may forbid forwarding to all whom they do not know: Docker sets its FORWARD
 * chains to drop. What another table drops ours cannot let through, but Docker has chains for
 * rules like ours, which it leaves alone; for everybody else `fastvm doctor` names the chain.
 */
import type { CommandShell } from "../host/command-shell.ts";
import { RESOLVER_PORT } from "./addresses.ts";
import type { Instance } from "./vm-network.ts";

/** Docker's own word for "the administrator's rules come here". */
const USER_CHAIN = "DOCKER-USER";
const FAMILIES = ["ip", "ip6"] as const;

/**
 * Lets packets of this daemon's VMs through Docker's chains, where there are any and they
 * do not have our rules yet: Docker may come later, or anew.
 */
export async function allowThroughDocker(shell: CommandShell, instance: Instance): Promise<void> {
  const rules = (["iifgroup", "oifgroup"] as const)
    .map(
      (key) =>
        `nft insert rule $family filter ${USER_CHAIN} ${key} ${instance.group} counter accept comment '"${mark(instance)}"'`,
    )
    .join("\n");
  await shell.run(`
set -e
for family in ${FAMILIES.join(" ")}; do
  chain=$(nft list chain $family filter ${USER_CHAIN} 2>/dev/null) || continue
  case $chain in *${mark(instance)}*) continue ;; esac
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

interface ListedRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly object[];
}

/**
 * Chains that drop what no rule of theirs lets through, and have no place beside them for rules like
 * ours: of what is forwarded, VMs' packets; of what comes in, their questions for names. As `ip filter
 * FORWARD` and `INPUT` of a host with ufw, or firewalld's. For people; with what to let through there.
 */
export async function closedChains(shell: CommandShell): Promise<readonly string[]> {
  const { nftables } = JSON.parse(await shell.run("nft -j list ruleset")) as {
    nftables: { chain?: ListedChain; rule?: ListedRule }[];
  };
  const chains = nftables.flatMap(({ chain }) => chain ?? []);
  const tableOf = ({ family, table }: Pick<ListedChain, "family" | "table">): string => `${family} ${table}`;
  const endings = new Map<string, ListedRule>();
  for (const { rule } of nftables)
    if (rule !== undefined) endings.set(`${tableOf(rule)} ${rule.chain}`, rule);
  const opened = new Set(chains.filter(({ name }) => name === USER_CHAIN).map(tableOf));
  return chains.flatMap((chain) => {
    const name = `${tableOf(chain)} ${chain.name}`;
    const isClosed = chain.policy === "drop" || isRefusal(endings.get(name));
    if (!isClosed) return [];
    if (chain.hook === "forward" && !opened.has(tableOf(chain)))
      return [`${name} (let what comes from and goes to fv-* through)`];
    if (chain.hook === "input") return [`${name} (let port ${RESOLVER_PORT}, TCP and UDP, in from fv-*)`];
    return [];
  });
}

/** A rule without conditions that refuses. */
function isRefusal(rule: ListedRule | undefined): boolean {
  const statements = rule?.expr.filter((statement) => !Object.hasOwn(statement, "counter")) ?? [];
  const [only] = statements;
  return (
    statements.length === 1 &&
    only !== undefined &&
    (Object.hasOwn(only, "reject") || Object.hasOwn(only, "drop"))
  );
}

function mark(instance: Instance): string {
  return `fastvm_${instance.name}`;
}
