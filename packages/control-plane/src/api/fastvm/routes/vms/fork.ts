/** POST /v1/vms/{vmId}/fork: answered when all children run. */
import { checkMetadata, errorBody, FastvmError, normalizeName, type ForkBody } from "@fastvm/contract";
import { answerDialect, parseGiven } from "../../firewall/validate.ts";
import type { Dialect } from "../../firewall/render.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { asFastvmError, type ForkOrder, type ForkOutcome } from "../../../../engine/engine.ts";
import { inOurWords } from "../../errors.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerForkVm({ routes, engine }: FastvmScope): void {
  routes.serve("forkVm", async ({ body, dialect, params }, caller) => {
    const startedAt = performance.now();
    const order = forkOrder(body);
    const { children, pauseMs, dirtyBytes, tracking } = await engine.vms.fork(caller, params.vmId, order);
    const durationMs = performance.now() - startedAt;
    return {
      status: 201,
      body: {
        children: children.map((child) => childView(child, answerDialect(body.firewall, dialect))),
        pauseMs,
        dirtyBytes,
        ...(tracking !== undefined && { tracking }),
        durationMs,
      },
    };
  });
}

function forkOrder(body: ForkBody): ForkOrder {
  const count = body.count ?? 1;
  const names = body.names ?? [];
  if (names.length > count) {
    throw new FastvmError("invalid_request", `names has ${names.length} entries for ${count} children`, {
      field: "names",
    });
  }
  const metadata = body.metadata ?? undefined;
  if (metadata !== undefined) checkMetadata(metadata);
  const network = parseGiven(body.firewall);
  const volumes = body.volumes ?? undefined;
  return { count, names: names.map((name) => normalizeName(name)), settings: { metadata, network }, volumes };
}

function childView(outcome: ForkOutcome, dialect: Dialect) {
  return "vm" in outcome
    ? { vm: vmView(outcome.vm, dialect) }
    : { error: errorBody(inOurWords(asFastvmError(outcome.error))) };
}
