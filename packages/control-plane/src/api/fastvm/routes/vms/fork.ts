import { checkMetadata, errorBody, FastvmError, normalizeName, type ForkBody } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { answerDialect, parseGiven } from "../../firewall/validate.ts";
import type { Dialect } from "../../firewall/render.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { forkVm, type ForkOutcome, type ForkOrder } from "../../../../engine/vms/fork.ts";
import { asFastvmError } from "../../../../engine/as-fastvm-error.ts";
import { inOurWords } from "../../errors.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerForkVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "forkVm", async ({ body, dialect, params }, caller) => {
    const startedAt = performance.now();
    const fork = forkOrder(body);
    const source = await findVm(ctx, caller, params.vmId);
    const { children, pauseMs, dirtyBytes } = await forkVm(ctx, caller, source, fork);
    const durationMs = performance.now() - startedAt;
    return {
      status: 201,
      body: {
        children: children.map((child) => childView(child, answerDialect(body.firewall, dialect))),
        pauseMs,
        dirtyBytes,
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
  return { count, names: names.map((name) => normalizeName(name)), settings: { metadata, network } };
}

function childView(outcome: ForkOutcome, dialect: Dialect) {
  return "vm" in outcome
    ? { vm: vmView(outcome.vm, dialect) }
    : { error: errorBody(inOurWords(asFastvmError(outcome.error))) };
}
