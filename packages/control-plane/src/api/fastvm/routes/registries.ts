/** Logins of the caller's organisation at registries of images. */
import type { FastvmScope } from "../fastvm-scope.ts";
import { registryView } from "../views/registry-view.ts";

export function registerRegistries({ routes, engine }: FastvmScope): void {
  routes.serve("listRegistries", async (_call, caller) => ({
    status: 200,
    body: (await engine.registries.list(caller)).map(registryView),
  }));
  routes.serve("getRegistry", async ({ params: { registry } }, caller) => ({
    status: 200,
    body: registryView(await engine.registries.get(caller, registry)),
  }));
  routes.serve("setRegistry", async ({ params: { registry }, body }, caller) => {
    const { username, password } = body;
    return {
      status: 200,
      body: registryView(await engine.registries.set(caller, registry, { username, password })),
    };
  });
  routes.serve("deleteRegistry", async ({ params: { registry } }, caller) => {
    await engine.registries.remove(caller, registry);
    return { status: 200, body: { id: registry, deleted: true } };
  });
}
