/** GET /v1/vms, by status and metadata. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { vmView } from "../../views/vm-view.ts";
import { matchesMetadata } from "../metadata-filter.ts";

export function registerListVms({ routes, engine }: FastvmScope): void {
  routes.serve("listVms", async ({ dialect, query }, caller) => {
    const vms = await engine.vms.list(caller, statusesOf(query["status"]));
    const matches = matchesMetadata(query);
    return { status: 200, body: vms.filter((vm) => matches(vm)).map((vm) => vmView(vm, dialect)) };
  });
}

/** Repeated or separated by commas; an unknown status matches nothing. */
function statusesOf(status: string | string[] | undefined): string[] | undefined {
  if (status === undefined || status === "") return undefined;
  const statuses = [status].flat().flatMap((part) => part.split(","));
  // PostgreSQL takes no NUL in text, and no status has one.
  return statuses.map((part) => part.trim()).filter((part) => !part.includes("\0"));
}
