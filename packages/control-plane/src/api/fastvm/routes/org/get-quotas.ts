/** GET /v1/org/quotas. */
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerGetQuotas({ routes, engine }: FastvmScope): void {
  routes.serve("getQuotas", async (_call, caller) => {
    const { host, ...own } = await engine.usage(caller);
    const { memoryMib, promisedMemoryMib } = host;
    return {
      status: 200,
      body: { ...own, host: { memoryMiB: memoryMib, promisedMemoryMiB: promisedMemoryMib } },
    };
  });
}
