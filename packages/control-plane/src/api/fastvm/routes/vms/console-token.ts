import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { serveConsole } from "../../console/console-socket.ts";
import { CONSOLE_TOKEN_SECONDS, ConsoleTokens } from "../../console/console-tokens.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { wrongState } from "../../../../engine/vms/wrong-state.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerConsole(app: FastifyInstance, ctx: LifecycleContext): void {
  const tokens = new ConsoleTokens(ctx.clock);
  serve(app, ctx.store, "createConsoleToken", async ({ params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    if (vm.status !== "running") throw wrongState(vm, "a console needs a running VM");
    return {
      status: 200,
      body: {
        token: tokens.issue(vm.id),
        expiresInSec: CONSOLE_TOKEN_SECONDS,
        websocketPath: `/v1/vms/${vm.id}/console/ws`,
      },
    };
  });
  serveConsole(app, ctx, tokens);
}
