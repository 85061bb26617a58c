/** Keys of the caller's organisation, for those of its keys that may make others. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { keyView } from "../../views/key-view.ts";

export function registerKeys({ routes, engine }: FastvmScope): void {
  routes.serve("listKeys", async (_call, caller) => ({
    status: 200,
    body: (await engine.keys.list(caller)).map(keyView),
  }));
  routes.serve("createKey", async ({ body: { expiresAt, ...order } }, caller) => {
    const { key, ...record } = await engine.keys.create(caller, {
      ...order,
      expiresAt: expiresAt === undefined ? undefined : Date.parse(expiresAt),
    });
    return { status: 201, body: { ...keyView(record), key } };
  });
  routes.serve("deleteKey", async ({ params: { keyId } }, caller) => {
    await engine.keys.revoke(caller, keyId);
    return { status: 200, body: { id: keyId, deleted: true } };
  });
}
