/**
 * A process that writes events until it is ended, several transactions at a time, and prints what each of them has
 * committed. They stand still, for a time of their own, between their last statement and the commit: so they do not end
 * in the order in which they began. Arguments: `sqlite PATH` or `postgres URL`, the organisation, a name for the events.
 */
import { hookSteps, type OrgId } from "@fastvm/contract";
import { setTimeout as sleep } from "node:timers/promises";
import { openPostgresStore, openSqliteStore } from "../store/store.ts";

const AT_ONCE = 4;
const LONGEST_MS = 8;

const [kind, location = "", orgId, name] = process.argv.slice(2);
const store =
  kind === "sqlite" ? await openSqliteStore(location) : await openPostgresStore(location, () => undefined);
let count = 0;

hookSteps(async (at) => {
  if (at === "transaction.begun" || at === "transaction.worked") await sleep(Math.random() * LONGEST_MS);
});

async function write(): Promise<never> {
  for (;;) {
    const causes = Array.from({ length: 1 + (count % 3) }, () => `${name}-${count++}`);
    await store.transaction(async (records) => {
      for (const cause of causes) {
        await records.events.append({
          orgId: orgId as OrgId,
          subjectKind: "vm",
          subjectId: "a VM",
          fromStatus: null,
          toStatus: null,
          cause,
          actor: "system",
          detail: null,
          at: 0,
          sourceVmId: null,
          errorCode: null,
          metadata: null,
        });
      }
    }, "process");
    process.stdout.write(`${causes.join("\n")}\n`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, write));
