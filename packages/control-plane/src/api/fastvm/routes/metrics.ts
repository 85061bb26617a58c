/**
 * The daemon's figures on the API's port. They name every organisation's VMs, so a key
 * must have a right of its own to them; root has a socket (operator/).
 */
import { FastvmError } from "@fastvm/contract";
import type { Caller, Engine } from "../../../engine/engine.ts";
import { authenticate } from "../../shared/authenticate.ts";
import { FASTVM, type FastvmScope } from "../fastvm-scope.ts";

/**
 * The place where the right of a key is looked up, once keys have rights: until then none has this one, not even the first organisation's.
 */
export type MayReadHostFigures = (caller: Caller) => boolean;
const NOBODY: MayReadHostFigures = () => false;

interface MetricsScope extends Pick<FastvmScope, "scope" | "metrics"> {
  readonly engine: { readonly keys: Pick<Engine["keys"], "callerOf"> };
}

export function registerMetrics(
  { scope, engine, metrics }: MetricsScope,
  may: MayReadHostFigures = NOBODY,
): void {
  if (metrics === undefined) return;
  scope.get("/metrics", {
    onRequest: async (request) => {
      const caller = await authenticate(FASTVM, engine.keys, request);
      // As everything that is not the caller's.
      if (!may(caller)) throw new FastvmError("not_found");
    },
    handler: async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.read()),
  });
}
