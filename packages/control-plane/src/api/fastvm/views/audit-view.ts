/** An entry of the audit as the API shows it. */
import type { AuditEntryView } from "@fastvm/contract";
import type { AuditRecord } from "../../../engine/engine.ts";

export function auditView({
  orgId: _orgId,
  at,
  subject,
  before,
  after,
  ...rest
}: AuditRecord): AuditEntryView {
  return {
    ...rest,
    at: new Date(at).toISOString(),
    ...(subject !== null && { subject }),
    ...(before !== undefined && { before: before && { ...before } }),
    ...(after !== undefined && { after: after && { ...after } }),
  };
}
