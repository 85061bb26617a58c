/** Warm pools: what is kept ready, and how much of it there is. */
import { checkMetadata, type CreateWarmPoolBody } from "@fastvm/contract";
import type { Caller, PoolOrder, WarmPoolRecord } from "../../../../engine/engine.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { diskGibOf, imageOf } from "../../machine-shape.ts";
import { once } from "../../once.ts";
import { engineId, shownId } from "../../shown-ids.ts";
import { shapeOf } from "../../templates/template-shape.ts";
import { BASE_TEMPLATE } from "../../views/machine-view.ts";
import { warmPoolView } from "../../views/warm-pool-view.ts";

const STATES = [
  ["enableWarmPool", "enabled"],
  ["disableWarmPool", "disabled"],
  ["drainWarmPool", "draining"],
] as const;

export function registerWarmPools(api: MachinesScope): void {
  const { routes } = api;
  const { pools } = api.engine;
  const idIn = ({ poolId }: { readonly poolId: string }) => engineId("pool", poolId);
  const show = async (pool: WarmPoolRecord, status = 200) => ({
    status,
    body: warmPoolView(pool, await pools.counts(pool)),
  });
  const read = async (caller: Caller, params: { readonly poolId: string }) =>
    show(await pools.get(caller, idIn(params)));

  routes.serve("createWarmPool", async ({ body, request }, caller) =>
    once(api, caller, { operation: "createWarmPool", request }, async (key) =>
      show(await pools.create(caller, await orderOf(api.engine, caller, body), key), 201),
    ),
  );
  routes.serve("listWarmPools", async (_call, caller) => {
    const all = await Promise.all((await pools.list(caller)).map(async (pool) => (await show(pool)).body));
    return { status: 200, body: { warm_pools: all } };
  });
  routes.serve("getWarmPool", ({ params }, caller) => read(caller, params));
  routes.serve("getWarmPoolStatus", ({ params }, caller) => read(caller, params));
  routes.serve("updateWarmPool", async ({ params, body }, caller) => {
    const { stale_after_seconds: stale, version_policy: policy } = body;
    checkMetadata(body.metadata ?? {});
    checkMetadata(body.labels ?? {});
    const change = {
      name: body.name ?? undefined,
      minReady: body.min_ready ?? undefined,
      maxReady: body.max_ready ?? undefined,
      checkoutMode: body.checkout_policy ?? undefined,
      isTracking: policy === null || policy === undefined ? undefined : policy === "track_tag",
      staleAfterMs: stale === null || stale === undefined ? undefined : stale * 1000,
      labels: body.labels ?? undefined,
      metadata: body.metadata ?? undefined,
    };
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    return show(await pools.update(caller, idIn(params), given));
  });
  routes.serve("deleteWarmPool", async ({ params }, caller) => {
    const id = idIn(params);
    await pools.remove(caller, id);
    return { status: 200, body: { id: shownId("pool", id), deleted: true } };
  });
  for (const [operation, state] of STATES) {
    routes.serve(operation, async ({ params }, caller) =>
      show(await pools.setState(caller, idIn(params), state)),
    );
  }
  routes.serve("reconcileWarmPool", async ({ params }, caller) =>
    show(await pools.reconcile(caller, idIn(params))),
  );
}

async function orderOf(
  engine: MachinesScope["engine"],
  caller: Caller,
  body: CreateWarmPoolBody,
): Promise<PoolOrder> {
  const template = body.template_ref ?? body.template ?? BASE_TEMPLATE;
  const { machine, diskGib = diskGibOf(1) ?? 0 } = await shapeOf(
    engine,
    caller,
    template,
    body.resources ?? {},
  );
  const labels = body.labels ?? {};
  const metadata = body.metadata ?? {};
  checkMetadata(metadata);
  checkMetadata(labels);
  const stale = body.stale_after_seconds ?? null;
  return {
    name: body.name,
    template: imageOf(template) ?? "",
    machine,
    diskGib,
    minReady: body.min_ready,
    maxReady: body.max_ready ?? body.min_ready,
    checkoutMode: body.checkout_policy ?? "prefer",
    isTracking: body.version_policy === "track_tag",
    staleAfterMs: stale === null ? null : stale * 1000,
    labels,
    metadata,
  };
}
