/** Rules about names, places and words that no file may carry. */
import type { Finding, SourceFile } from "./source-file.ts";

const VAGUE_FOLDER = /(?:^|\/)(utils?|common|helpers?|types)\//;
// The words below are put together from parts, so that this file does not break its own rules.
/** Paths under these roots exist on one machine only. */
const MACHINE_ROOTS = ["work", "farm"];
const MACHINE_PATH = new RegExp(`(?:^|[\\s"'\`(=:,])/(?:${MACHINE_ROOTS.join("|")})/`);
/** Registries and mirrors are the user's choice, made in npm's and apt's own settings. */
const REGISTRY_HOSTS = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["deb", "debian", "org"],
  ["pypi", "org"],
];
const REGISTRY_HOST = new RegExp(REGISTRY_HOSTS.map((labels) => labels.join("\\.")).join("|"));

export function vagueFolders(files: readonly SourceFile[]): readonly Finding[] {
  return files.flatMap(({ path }) => {
    const folder = VAGUE_FOLDER.exec(path)?.[1];
    return folder === undefined
      ? []
      : [`${path}: "${folder}" says nothing; name the folder for what it does`];
  });
}

export function machinePaths(files: readonly SourceFile[]): readonly Finding[] {
  return matchingLines(files, MACHINE_PATH, "a path of one machine; make it relative or configurable");
}

export function registryHosts(files: readonly SourceFile[]): readonly Finding[] {
  return matchingLines(files, REGISTRY_HOST, "a package registry's host; leave it to the user's settings");
}

function matchingLines(files: readonly SourceFile[], pattern: RegExp, reason: string): readonly Finding[] {
  return files.flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: names ${reason}`] : [])),
  );
}

/** As wide as two files stand beside each other on one screen. Code is broken at 110 by its formatter; comments and strings are not. */
const MAX_COLUMNS = 140;

export function wideLines(files: readonly SourceFile[]): readonly Finding[] {
  return files
    .filter(({ path }) => path.endsWith(".ts"))
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .flatMap((line, index) =>
          line.length > MAX_COLUMNS
            ? [`${path}:${index + 1}: has ${line.length} columns; break it at ${MAX_COLUMNS}`]
            : [],
        ),
    );
}

const STARTS_WITH_COMMENT = /^(?:#!.*\n)?\s*(?:\/\*|\/\/)/;
const IMPORTS = /^(?:#!.*\n)?(?:\s*import\b[^;]*;)+/;

/**
 * Files that do not say what they are for: by a comment at their head, or by that of their subject right behind the imports.
 * Of a source in C and its header one says it for both. Tests say it by their name and their cases.
 */
export function unexplainedFiles(files: readonly SourceFile[]): readonly Finding[] {
  const explained = new Set(files.filter(explains).map(({ path }) => path));
  return files
    .filter(({ path }) => isExplainable(path) && !explained.has(path) && !explained.has(counterpart(path)))
    .map(({ path }) => `${path}: does not say what it is for; begin it with a comment of one to five lines`);
}

function isExplainable(path: string): boolean {
  if (path.endsWith(".test.ts")) return false;
  return /^(?:packages|bench|e2e|examples|tools)\/.*\.ts$/.test(path) || /\.[ch]$/.test(path);
}

function counterpart(path: string): string {
  return path.endsWith(".c") ? path.replace(/c$/, "h") : path.replace(/\.h$/, ".c");
}

function explains({ text }: SourceFile): boolean {
  return STARTS_WITH_COMMENT.test(text) || STARTS_WITH_COMMENT.test(text.replace(IMPORTS, ""));
}
