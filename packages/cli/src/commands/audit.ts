/** `fastvm audit`: who changed what of the organisation, and who tried to. */
import type { Command } from "commander";
import type { AuditEntry } from "fastvm";
import { positiveInteger } from "../command-line/option-values.ts";
import { localTime } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import { printable } from "../output/table.ts";
import { apiCommand } from "./api-command.ts";
import { vmIdOrGone } from "./resolve.ts";

interface Flags {
  readonly last: number;
  readonly after?: number;
  readonly vm?: string;
  readonly key?: string;
  readonly method?: string;
  readonly operation?: string;
}

const DEFAULT_LAST = 20;

export function auditCommand(): Command {
  return apiCommand<Flags>({
    name: "audit",
    summary: "Show who changed what, and who tried to; for a key with the scope admin",
    configure: (command) =>
      command
        .option("-n, --last <count>", "that many entries", positiveInteger, DEFAULT_LAST)
        .option("--after <number>", "the first ones after this entry, not the last ones", positiveInteger)
        .option("--vm <vm>", "of this VM only; of one that is gone, by its whole id")
        .option("--key <id>", "by this key only")
        .option("--method <method>", "by this method only, such as DELETE")
        .option("--operation <name>", "this operation only, such as deleteVm"),
    run: async ({ session, options }) => {
      const { client, isJson, signal } = session;
      const { last, after, vm, key, method, operation } = options;
      const subject = await vmIdOrGone(session, vm);
      const order = after === undefined ? "desc" : "asc";
      const params = { vm: subject, key, method, operation, after, limit: last, order } as const;
      const { entries } = await client.audit.list(params, { signal });
      const shown = order === "desc" ? entries.toReversed() : entries;
      if (isJson) printJson(shown);
      else shown.forEach(print);
    },
  });
}

function print({ at, keyId, address, operation, status, subject, before, after }: AuditEntry): void {
  const of = subject === undefined ? "" : ` ${subject}`;
  const line = `${localTime(at)}  key ${keyId} from ${address}  ${operation}${of} (${status})${changeOf(before, after)}`;
  printLine(printable(line));
}

function changeOf(before: AuditEntry["before"], after: AuditEntry["after"]): string {
  if (!before || !after) return "";
  const fields = Object.keys(before).map(
    (field) => `${field} ${JSON.stringify(before[field])} → ${JSON.stringify(after[field])}`,
  );
  return fields.length === 0 ? "" : `  ${fields.join(", ")}`;
}
