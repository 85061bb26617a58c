/** Templates and their builds as tables. */
import type { TemplateBuildInfo, TemplateInfo } from "fastvm/machines";
import { localTime } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";

export function templateTable(templates: readonly TemplateInfo[]): string {
  return renderTable(
    ["ID", "REF", "TAGS", "OTHER NAMES", "CREATED"],
    templates.map(({ id, canonicalRef, tags, aliases, createdAt }) => [
      id,
      canonicalRef,
      tags.map(({ tag }) => tag).join(", "),
      aliases.join(", "),
      localTime(createdAt),
    ]),
  );
}

export function buildTable(builds: readonly TemplateBuildInfo[]): string {
  return renderTable(
    ["BUILD", "TEMPLATE", "STATUS", "TAGS", "CREATED", "ERROR"],
    builds.map((each) => [
      each.id,
      `${each.template}:${each.tag}`,
      each.status,
      each.promotedTags.join(", "),
      localTime(each.createdAt),
      each.error ?? "",
    ]),
  );
}
