/** PATCH /v1/vms/{vmId}: name, metadata, wake-up by requests, time to live, and when it ends by itself. */
import { checkMetadata, FastvmError, normalizeName, type UpdateVmBody } from "@fastvm/contract";
import type { VmChange } from "../../../../engine/engine.ts";
import { parseInterception } from "../../interception/parse.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerUpdateVm({ routes, engine }: FastvmScope): void {
  routes.serve("updateVm", async ({ body, dialect, params }, caller) => {
    const updated = await engine.vms.change(caller, params.vmId, changeOf(body));
    return { status: 200, body: vmView(updated, dialect) };
  });
}

/** `null` says something of a time to live and the like alone: that there is none any more. */
function changeOf(body: UpdateVmBody): VmChange {
  const { name, metadata, autoResume, restartPolicy, ttl, maxLife, idle } = body;
  const interception = parseInterception(body);
  if (metadata !== undefined && metadata !== null) checkMetadata(metadata);
  const change = {
    ...(name === undefined || name === null ? {} : { name: requireName(name) }),
    ...(metadata === undefined || metadata === null ? {} : { metadata }),
    ...(autoResume === undefined || autoResume === null ? {} : { autoResume }),
    ...(restartPolicy === undefined || restartPolicy === null ? {} : { restartPolicy }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(maxLife === undefined ? {} : { maxLife }),
    ...(idle === undefined ? {} : { idle }),
    ...(interception === undefined ? {} : { interception }),
  };
  if (Object.keys(change).length > 0) return change;
  const rule =
    "give at least one of name, metadata, ttl, maxLife, idle, autoResume, restartPolicy, tls and secrets";
  throw new FastvmError("invalid_request", rule, { field: "body" });
}

function requireName(raw: string): string {
  const name = normalizeName(raw);
  if (name === "") {
    throw new FastvmError("invalid_request", "name must contain at least one visible character", {
      field: "name",
    });
  }
  return name;
}
