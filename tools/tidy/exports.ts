/** Exports that nobody imports: what is not part of a file's face is free to change. */
import { namesExportedBy, resolver, takenBy, type Taken } from "./exported-names.ts";
import type { Finding, SourceFile } from "./source-file.ts";

/** Packages that people outside install: what their entry exports is used. */
const PUBLISHED = /^packages\/(?:sdk\/src\/index|sdk-alias\/index\.d)\.ts$/;
/** What the tools that run them look for by name. */
const READ_BY_TOOLS = /^(?:vitest\.config|packages\/[^/]+\/[^/]+\.config)\.ts$/;
/** What vitest calls around a project. */
const GLOBAL_SETUPS: readonly string[] = [
  "e2e/harness/shared-daemon-setup.ts",
  "packages/control-plane/src/testing/postgres-schemas.ts",
];

export function deadExports(files: readonly SourceFile[]): readonly Finding[] {
  const code = files.filter((file) => file.path.endsWith(".ts"));
  const resolve = resolver(files);
  const taken = new Map(code.map((file) => [file.path, takenBy(file, resolve)]));
  const used = new Set(code.filter((file) => PUBLISHED.test(file.path)).map((file) => `${file.path}#*`));
  for (const all of taken.values()) {
    for (const each of all) {
      if (each.passedOnAs === undefined) for (const name of each.names) used.add(`${each.from}#${name}`);
    }
  }
  passUsesOn(taken, used);
  return code
    .filter(
      (file) =>
        !READ_BY_TOOLS.test(file.path) && !GLOBAL_SETUPS.includes(file.path) && !used.has(`${file.path}#*`),
    )
    .flatMap((file) =>
      namesExportedBy(file, taken.get(file.path) ?? [])
        .filter((name) => !used.has(`${file.path}#${name}`))
        .map((name) => `${file.path}: nobody imports ${name}; do not export it, or delete it`),
    );
}

/** A name that a file only passes on is used if it is used there, however often it is passed on. */
function passUsesOn(taken: ReadonlyMap<string, readonly Taken[]>, used: Set<string>): void {
  const passedOn = [...taken].flatMap(([path, all]) =>
    all.filter((each) => each.passedOnAs !== undefined).map((each) => ({ path, ...each })),
  );
  for (let before = -1; before !== used.size;) {
    before = used.size;
    for (const { path, from, names, passedOnAs = [] } of passedOn) {
      const all = used.has(`${path}#*`);
      for (const [index, name] of names.entries()) {
        const wanted = passedOnAs[index] ?? name;
        if (name === "*") {
          // Which of the names it has is not known here: what is asked of the one is asked of the other.
          for (const use of used)
            if (use.startsWith(`${path}#`)) used.add(`${from}${use.slice(path.length)}`);
        } else if (all || used.has(`${path}#${wanted}`)) used.add(`${from}#${name}`);
      }
    }
  }
}
