/** Network policies in nobody's words. */
import { sql, type Kysely } from "kysely";

interface Stored {
  readonly dialect: "rules" | "legacy";
  readonly policy: object;
  readonly kept?: object;
}

interface OldPolicy {
  readonly mode: "open" | "restricted";
  readonly ingress: readonly {
    readonly protocol: string;
    readonly portStart: number;
    readonly portEnd?: number;
    readonly sourceCidrs?: readonly string[];
    readonly description?: string;
  }[];
}

/** What a policy of the older dialect said nothing of. */
const OPEN_EGRESS = { egress: { default: "allow", rules: [] } };

/**
 * Policies are kept in nobody's words, and beside each how its writer would show it.
 * Until now they were kept in the dialect of the client that wrote them.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"] as const) {
    await db.schema.alterTable(table).addColumn("network", "text").execute();
    const { rows } = await sql<{ id: string; firewall: string }>`
      select id, firewall from ${sql.table(table)} where firewall is not null`.execute(db);
    for (const { id, firewall } of rows) {
      const network = JSON.stringify(neutral(JSON.parse(firewall) as Stored));
      await sql`update ${sql.table(table)} set network = ${network} where id = ${id}`.execute(db);
    }
    await db.schema.alterTable(table).dropColumn("firewall").execute();
  }
}

function neutral({ dialect, policy, kept }: Stored): object {
  if (dialect === "rules") return { policy, presentation: { api: "fastvm", value: { dialect } } };
  return {
    policy: { ingress: ingressOf(policy as OldPolicy), ...OPEN_EGRESS, ...kept },
    presentation: { api: "fastvm", value: { dialect, policy } },
  };
}

function ingressOf({ mode, ingress }: OldPolicy): object {
  const rules = ingress.flatMap(
    ({ protocol, portStart, portEnd = portStart, sourceCidrs = [], description }) =>
      (sourceCidrs.length === 0 ? ["::/0"] : sourceCidrs).map((value) => ({
        action: "allow",
        kind: "cidr",
        value,
        protocol,
        ports: portEnd === portStart ? String(portEnd) : `${portStart}-${portEnd}`,
        ...(description === undefined ? {} : { description }),
      })),
  );
  return { default: mode === "open" ? "allow" : "deny", rules };
}
