/** What a client sends to have a template built, in the engine's words. */
import { FastvmError, type CreateTemplateBody, type TemplateDefinition } from "@fastvm/contract";
import {
  DEFAULT_TEMPLATE_TAG,
  type BuildOfTemplate,
  type Caller,
  type Engine,
  type TemplateOrder,
} from "../../../engine/engine.ts";
import { defaultMemoryMb, diskGibOf, imageOf, machineOf } from "../machine-shape.ts";
import { BASE_TEMPLATE } from "../views/machine-view.ts";
import { planOf, type Planned } from "./dockerfile.ts";
import { startOf } from "./template-start.ts";

type Engines = Pick<Engine, "builds" | "templates">;

/** Throws for what could not be built. */
export async function planned(
  { templates }: Pick<Engine, "templates">,
  caller: Caller,
  definition: TemplateDefinition,
): Promise<Planned> {
  const base = definition.base_template ?? undefined;
  const reference = base === undefined ? undefined : imageOf(base);
  const meant = reference === undefined ? undefined : await templates.meant(caller, reference);
  startOf(definition);
  // A build's own name of its image, which no other build takes.
  return planOf(definition, meant?.build.tag ?? undefined);
}

export async function orderOf(
  engine: Engines,
  caller: Caller,
  body: CreateTemplateBody,
): Promise<TemplateOrder> {
  const { name, definition, resources } = body;
  // What it means to machines nobody can change.
  if (name === BASE_TEMPLATE) throw invalid("name", `${BASE_TEMPLATE} is what every host has`);
  const memoryMb = resources?.memory_mb ?? defaultMemoryMb(name);
  const sizes = {
    machine: machineOf(resources?.vcpus ?? 1, memoryMb),
    diskGib: diskGibOf(resources?.disk_mb ?? 1) ?? 0,
  };
  const build = { ...sizes, ...(await buildOf(engine, caller, definition, body.context_id ?? undefined)) };
  const noCache = body.no_cache ?? false;
  return {
    name,
    tag: body.tag ?? DEFAULT_TEMPLATE_TAG,
    build: { ...build, source: { ...build.source, noCache } },
    definition: JSON.stringify(definition),
  };
}

/** The same as another was made of; what that copied from is gone, and is to be sent anew. */
export async function sameOrder(
  engine: Engines,
  caller: Caller,
  { build, made, template }: BuildOfTemplate,
  contextId: string | undefined,
): Promise<TemplateOrder> {
  const definition = JSON.parse(made.definition) as TemplateDefinition;
  const sizes = { machine: machineOf(build.cpu, build.memoryMib), diskGib: build.diskGib };
  const rest = await buildOf(engine, caller, definition, contextId);
  return { name: template.name, tag: made.tag, build: { ...sizes, ...rest }, definition: made.definition };
}

async function buildOf(
  engine: Engines,
  caller: Caller,
  definition: TemplateDefinition,
  contextId: string | undefined,
) {
  const { dockerfile, args, needsContext } = await planned(engine, caller, definition);
  if (needsContext && contextId === undefined) throw invalid("context_id", "is needed to copy from");
  const context =
    contextId === undefined ? undefined : engine.builds.contextOfReference(caller, contextId, "context_id");
  return {
    source: {
      kind: "dockerfile",
      dockerfile: { text: dockerfile },
      image: definition.base_image ?? definition.base_template ?? undefined,
      context,
      target: undefined,
      args,
      secrets: {},
      credentials: [],
      noCache: false,
    },
    network: undefined,
    start: startOf(definition),
  } as const;
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
