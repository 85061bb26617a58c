/** Rules about the pages: links lead somewhere, and every error has its entry. */
import { dirname, join } from "node:path/posix";
import type { Finding, SourceFile } from "./source-file.ts";

const LINK = /\]\(([^)\s]+)\)/g;
const FENCED = /^```.*?^```/gms;

/** Relative links in Markdown whose target is not tracked. Code blocks are left alone. */
export function brokenLinks(files: readonly SourceFile[]): readonly Finding[] {
  const paths = new Set(files.map((file) => file.path));
  const exists = (target: string): boolean =>
    paths.has(target) || [...paths].some((path) => path.startsWith(`${target}/`));
  return files
    .filter((file) => file.path.endsWith(".md"))
    .flatMap((file) =>
      relativeTargets(file)
        .filter((target) => !exists(target))
        .map((target) => `${file.path}: links to ${target}, which is not there`),
    );
}

function relativeTargets(file: SourceFile): readonly string[] {
  return [...file.text.replaceAll(FENCED, "").matchAll(LINK)]
    .map(([, target = ""]) => target.replace(/#.*$/, ""))
    .filter((target) => target !== "" && !/^[a-z][a-z+.-]*:/.test(target))
    .map((target) => join(dirname(file.path), target).replace(/\/$/, ""));
}

/** Codes of the catalogue that no page in docs/ names. */
export function undocumentedErrors(
  files: readonly SourceFile[],
  codes: readonly string[],
): readonly Finding[] {
  const pages = files.filter((file) => /^docs\/.*\.md$/.test(file.path)).map((file) => file.text);
  return codes
    .filter((code) => !pages.some((page) => new RegExp(`\\b${code}\\b`).test(page)))
    .map((code) => `${code}: the error has no entry in docs/; add one to docs/API.md`);
}
