/** POST …/ports/{port}/readiness: whether somebody listens there by now. */
import { clientGone } from "../../../shared/client-gone.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { runningMachine } from "../guest/running-machine.ts";
import { previewPort } from "./preview-port.ts";

const DEFAULT_TIMEOUT_SEC = 30;
const DEFAULT_INTERVAL_MS = 500;

export function registerReadiness({ routes, engine }: MachinesScope): void {
  routes.serve("probePreviewReadiness", async ({ body, params, reply }, caller) => {
    const port = previewPort(params.port);
    const { id } = await runningMachine({ engine }, caller, params.machineId);
    const { kind } = body;
    const question = {
      ...{ port, kind, path: body.path ?? "/" },
      timeoutMs: (body.timeout_seconds ?? DEFAULT_TIMEOUT_SEC) * 1000,
      intervalMs: body.interval_ms ?? DEFAULT_INTERVAL_MS,
    };
    const ready = await engine.previews.isReady(id, question, clientGone(reply));
    const verdict = {
      code: ready ? null : "preview_service_not_ready",
      suggested_action: ready ? null : `See that a program in the machine listens on port ${port}`,
    };
    return { status: 200, body: { ready, route_ready: true, service_ready: ready, kind, ...verdict } };
  });
}
