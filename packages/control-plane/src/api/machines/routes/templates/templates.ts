/** Templates: their names, and which of their builds those mean. */
import { TEMPLATE_MASK } from "@fastvm/contract";
import { DEFAULT_TEMPLATE_TAG } from "../../../../engine/engine.ts";
import { publicBase } from "../../../../http/public-base.ts";
import { maskOf, masked } from "../../field-mask.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { engineId, engineTemplate, shownId } from "../../shown-ids.ts";
import { orderOf, planned } from "../../templates/build-order.ts";
import { templateBuildView, templateView } from "../../views/template-view.ts";

export function registerTemplates(api: MachinesScope): void {
  const { routes, engine, config } = api;
  const { templates, builds } = engine;
  routes.serve("createTemplate", async ({ body, request }, caller) =>
    once(api, caller, { operation: "createTemplate", request }, async (key) => ({
      status: 201,
      body: templateBuildView(await templates.build(caller, await orderOf(engine, caller, body), key)),
    })),
  );
  routes.serve("planTemplate", async ({ body }, caller) => {
    const { dockerfile, needsContext } = await planned(engine, caller, body.definition);
    return { status: 200, body: { dockerfile, needs_context: needsContext } };
  });
  routes.serve("createTemplateContext", async ({ request }, caller) => {
    const place = builds.presign(caller, publicBase(config, request));
    const body = {
      context_id: place.reference,
      upload_url: place.uploadUrl,
      expires_in_seconds: place.lifetimeSec,
      max_bytes: place.maxBytes,
    };
    return { status: 200, body };
  });
  routes.serve("listTemplates", async ({ query }, caller) => {
    const mask = maskOf(query, TEMPLATE_MASK);
    const all = (await templates.list(caller)).map((each) => masked(templateView(each), mask));
    return { status: 200, body: { templates: all } };
  });
  routes.serve("getTemplate", async ({ params, query }, caller) => {
    const mask = maskOf(query, TEMPLATE_MASK);
    const found = await templates.get(caller, engineTemplate(params.templateRef));
    return { status: 200, body: masked(templateView(found), mask) };
  });
  routes.serve("renameTemplate", async ({ params, body }, caller) => {
    const renamed = await templates.rename(caller, engineTemplate(params.templateRef), body.name);
    return { status: 200, body: templateView(renamed) };
  });
  routes.serve("deleteTemplate", async ({ params }, caller) => {
    const id = await templates.delete(caller, engineTemplate(params.templateRef));
    return { status: 200, body: { id: shownId("template", id), deleted: true } };
  });
  routes.serve("addTemplateAlias", async ({ params, body }, caller) => {
    const named = await templates.addAlias(caller, engineTemplate(params.templateRef), body.name);
    return { status: 200, body: templateView(named) };
  });
  routes.serve("removeTemplateAlias", async ({ params }, caller) => {
    const left = await templates.removeAlias(caller, engineTemplate(params.templateRef), params.alias);
    return { status: 200, body: templateView(left) };
  });
  routes.serve("promoteTemplateBuild", async ({ params, body }, caller) => {
    const reference = engineTemplate(params.templateRef);
    const tag = body.tag ?? DEFAULT_TEMPLATE_TAG;
    // The template is looked for first: of another's there is no sign.
    await templates.get(caller, reference);
    const promoted = await templates.promote(caller, reference, engineId("build", body.build_id), tag);
    return { status: 200, body: templateView(promoted) };
  });
}
