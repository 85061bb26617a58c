/** POST /v1/vms/{vmId}/console-token, and the WebSocket that the token opens. */
import { serveConsole } from "../../console/console-socket.ts";
import { CONSOLE_TOKEN_SECONDS } from "../../../../engine/engine.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerConsole(api: FastvmScope): void {
  api.routes.serve("createConsoleToken", async ({ params }, caller) => {
    const { id } = await api.engine.vms.getRunning(caller, params.vmId, "a console needs a running VM");
    return {
      status: 200,
      body: {
        token: await api.engine.consoleTokens.issue(id),
        expiresInSec: CONSOLE_TOKEN_SECONDS,
        websocketPath: `/v1/vms/${id}/console/ws`,
      },
    };
  });
  serveConsole(api);
}
