/** GET /v1/audit. */
import type { AuditFilter } from "../../../../engine/engine.ts";
import { afterIn } from "../../events/event-query.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { auditView } from "../../views/audit-view.ts";

const DEFAULT_LIMIT = 100;

export function registerAudit({ routes, engine }: FastvmScope): void {
  routes.serve("listAudit", async ({ query }, caller) => {
    const limit = Number(query["limit"] ?? DEFAULT_LIMIT);
    const order = query["order"] === "desc" ? "desc" : "asc";
    // One more, to know whether there is one.
    const found = await engine.audit.find(caller, filterOf(query), { order, limit: limit + 1 });
    const entries = found.slice(0, limit).map(auditView);
    return { status: 200, body: { entries, hasMore: found.length > limit } };
  });
}

function filterOf(query: Readonly<Record<string, unknown>>): AuditFilter {
  const text = (name: string): string | undefined => {
    const value = query[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    subject: text("vm"),
    keyId: text("key"),
    method: text("method")?.toUpperCase(),
    operation: text("operation"),
    after: afterIn(query["after"], "after"),
  };
}
