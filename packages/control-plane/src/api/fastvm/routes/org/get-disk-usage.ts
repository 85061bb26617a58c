/** GET /v1/org/disk. */
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerGetDiskUsage({ routes, engine }: FastvmScope): void {
  routes.serve("getDiskUsage", async (_call, caller) => ({
    status: 200,
    body: await engine.diskUsage(caller),
  }));
}
