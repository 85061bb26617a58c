/** Templates and their builds as this API shows them. */
import type { TemplateBuildView, TemplateDefinition, TemplateView } from "@fastvm/contract";
import { DEFAULT_TEMPLATE_TAG, type BuildOfTemplate, type TemplateDetails } from "../../../engine/engine.ts";
import { shownId } from "../shown-ids.ts";
import { instantOf } from "./instant.ts";

const STATUSES = {
  pending: "queued",
  running: "building",
  succeeded: "ready",
  failed: "failed",
  cancelled: "cancelled",
} as const satisfies Record<BuildOfTemplate["build"]["status"], TemplateBuildView["status"]>;

export function templateView({ template, aliases, tags }: TemplateDetails): TemplateView {
  return {
    id: shownId("template", template.id),
    name: template.name,
    canonical_ref: `${template.name}:${DEFAULT_TEMPLATE_TAG}`,
    aliases: [...aliases],
    visibility: "private",
    tags: tags.map(({ tag, buildId, promotedAt }) => ({
      tag,
      build_id: shownId("build", buildId),
      promoted_at: instantOf(promotedAt),
    })),
    created_at: instantOf(template.createdAt),
    updated_at: instantOf(template.updatedAt),
  };
}

export function buildStatus({ build }: Pick<BuildOfTemplate, "build">): TemplateBuildView["status"] {
  return STATUSES[build.status];
}

export function templateBuildView({ build, made, template, tags }: BuildOfTemplate): TemplateBuildView {
  const status = STATUSES[build.status];
  const isPending = status === "queued" || status === "building";
  const isKept = status === "ready" && build.imageReference !== null;
  return {
    id: shownId("build", build.id),
    template_id: shownId("template", template.id),
    template: template.name,
    tag: made.tag,
    status,
    error: build.error,
    definition: JSON.parse(made.definition) as TemplateDefinition,
    resources: { vcpus: build.cpu, memory_mb: build.memoryMib, disk_mb: build.diskGib * 1024 },
    cache_summary: { steps_ran: build.stepsRan, steps_cached: build.stepsCached },
    artifact_availability: isPending ? "pending" : isKept ? "available" : "unavailable",
    promotability: isKept ? "promotable" : status === "ready" ? "not_retained" : "not_ready",
    promoted_tags: tags.map(({ tag }) => tag),
    created_at: instantOf(build.createdAt),
    started_at: instantOf(build.startedAt),
    finished_at: instantOf(build.finishedAt),
  };
}
