/** Rules about the pages: links lead somewhere, to headings too, and every error has its entry. */
import { dirname, join } from "node:path/posix";
import type { Finding, SourceFile } from "./source-file.ts";

const LINK = /\]\(([^)\s]+)\)/g;
const HEADING = /^#{1,6} (.*)$/gm;
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

/** Links to a heading, of this page or another, that is not there. */
export function brokenAnchors(files: readonly SourceFile[]): readonly Finding[] {
  const pages = files.filter((file) => file.path.endsWith(".md"));
  const anchors = new Map(pages.map((page) => [page.path, anchorsOf(page)]));
  return pages.flatMap((page) =>
    [...page.text.replaceAll(FENCED, "").matchAll(LINK)]
      .map(([, target = ""]) => target.split("#", 2))
      .filter(([path = "", anchor]) => anchor !== undefined && !/^[a-z][a-z+.-]*:/.test(path))
      .map(([path = "", anchor = ""]) => ({
        target: path === "" ? page.path : join(dirname(page.path), path),
        anchor,
      }))
      .filter(({ target, anchor }) => anchors.get(target)?.has(anchor) === false)
      .map(
        ({ target, anchor }) => `${page.path}: links to #${anchor} of ${target}, which has no such heading`,
      ),
  );
}

/** As GitHub makes them: lower case, no punctuation, hyphens for spaces, a number for a repeated one. */
function anchorsOf(page: SourceFile): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = [...page.text.replaceAll(FENCED, "").matchAll(HEADING)];
  const anchors = headings.map(([, heading = ""]) => {
    const text = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase();
    const anchor = text.replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
  return new Set(anchors);
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
    .map(
      (code) =>
        `${code}: the error has no entry in docs/; add it to the catalogue: npm run openapi -w @fastvm/contract`,
    );
}
