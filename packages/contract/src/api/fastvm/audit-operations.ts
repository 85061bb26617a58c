/** The operation on the audit: a part of the table. */
import type { Operation } from "../operation.ts";
import { AuditPageSchema, AuditQuerySchema } from "./schemas/audit.ts";

export const AUDIT_OPERATIONS = {
  listAudit: {
    method: "GET",
    path: "/v1/audit",
    tag: "Organisation",
    summary: "Read who changed what, and who tried to",
    description:
      "An entry for each request with a key of the organisation, of whichever API, that is no mere question: also for " +
      "those that failed or were refused. The newest 100,000 are kept.",
    scope: "admin",
    query: AuditQuerySchema,
    responses: { 200: AuditPageSchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
