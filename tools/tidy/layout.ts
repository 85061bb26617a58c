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
