/** Builds of templates: what has become of them, and what they print. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BuildOfTemplate, Caller } from "../../../../engine/engine.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { engineId, engineTemplate, shownId } from "../../shown-ids.ts";
import { sameOrder } from "../../templates/build-order.ts";
import { buildStatus, templateBuildView } from "../../views/template-view.ts";

const MAX_LINES = 1000;
/** How often is looked for a line that somebody waits for. */
const LOOK_EVERY_MS = 100;

export function registerTemplateBuilds(api: MachinesScope): void {
  const { routes, engine } = api;
  const { templates, builds } = engine;
  const idOf = ({ buildId }: { readonly buildId: string }) => engineId("build", buildId);
  const show = (build: BuildOfTemplate, status = 200) => ({ status, body: templateBuildView(build) });

  routes.serve("listTemplateBuilds", async ({ params }, caller) => {
    const all = await templates.builds(caller, engineTemplate(params.templateRef));
    return { status: 200, body: { builds: all.map((each) => templateBuildView(each)) } };
  });
  routes.serve("getTemplateBuild", async ({ params }, caller) =>
    show(await templates.getBuild(caller, idOf(params))),
  );
  routes.serve("cancelTemplateBuild", async ({ params }, caller) => {
    const { build } = await templates.getBuild(caller, idOf(params));
    await builds.cancel(caller, build.id);
    return show(await templates.getBuild(caller, build.id));
  });
  routes.serve("retryTemplateBuild", async ({ params, body, request }, caller) =>
    once(api, caller, { operation: "retryTemplateBuild", request }, async (key) => {
      const earlier = await templates.getBuild(caller, idOf(params));
      const order = await sameOrder(engine, caller, earlier, body.context_id ?? undefined);
      return show(await templates.build(caller, order, key), 201);
    }),
  );
  routes.serve("getTemplateBuildLogs", async ({ params, query, reply }, caller) => {
    const until = Date.now() + Number(query["wait_ms"] ?? 0);
    const gone = clientGone(reply);
    const page = { offset: Number(query["offset"] ?? 0), limit: Number(query["limit"] ?? MAX_LINES) };
    for (;;) {
      const body = await logsOf(api, caller, idOf(params), page);
      const isAnswer = body.lines.length > 0 || body.complete;
      if (isAnswer || Date.now() >= until || gone.aborted) return { status: 200, body };
      await sleep(LOOK_EVERY_MS);
    }
  });
}

async function logsOf(
  { engine }: Pick<MachinesScope, "engine">,
  caller: Caller,
  id: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
) {
  // Before the lines: of a build that ends in between, the rest is not missed.
  const found = await engine.templates.getBuild(caller, id);
  const status = buildStatus(found);
  const all = (await engine.builds.log(found.build)).split("\n").slice(0, -1);
  const lines = all.slice(offset, offset + limit);
  const next = offset + lines.length;
  const hasEnded = status !== "queued" && status !== "building";
  const complete = hasEnded && next >= all.length;
  return { build_id: shownId("build", id), offset, next_offset: next, lines, status, complete };
}
