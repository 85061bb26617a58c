/**
 * The daemon's figures on the API's port. They name every organisation's VMs, so a key must have a scope of its own to them;
 * root has a socket (operator/).
 */
import { FastvmError, hasScope } from "@fastvm/contract";
import type { Engine } from "../../../engine/engine.ts";
import { identify } from "../../shared/authenticate.ts";
import { FASTVM, type FastvmScope } from "../fastvm-scope.ts";

interface MetricsScope extends Pick<FastvmScope, "scope" | "metrics"> {
  readonly engine: { readonly keys: Pick<Engine["keys"], "holderOf"> };
}

export function registerMetrics({ scope, engine, metrics }: MetricsScope): void {
  if (metrics === undefined) return;
  scope.get("/metrics", {
    onRequest: async (request, reply) => {
      const { scopes } = await identify(FASTVM, engine.keys, request, reply);
      // As everything that is not the caller's.
      if (!hasScope(scopes, "metrics")) throw new FastvmError("not_found");
    },
    handler: async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.read()),
  });
}
