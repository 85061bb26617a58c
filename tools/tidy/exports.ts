/** Exports that nobody imports: what is not part of a file's face is free to change. */
import { dirname, join } from "node:path/posix";
import type { Finding, SourceFile } from "./source-file.ts";

/** Packages that people outside install: what their entry exports is used. */
const PUBLISHED = /^packages\/(?:sdk\/src\/index|sdk-alias\/index\.d)\.ts$/;
/** What the tools that run them look for by name. */
const READ_BY_TOOLS =
  /^(?:vitest\.config|packages\/[^/]+\/[^/]+\.config|e2e\/harness\/shared-daemon-setup)\.ts$/;

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;
const IMPORT_OR_EXPORT_FROM = /^(import|export)\s+(?:type\s+)?([^;"'`]*?)\s*\bfrom\s*["']([^"'\n]+)["']/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*["']([^"'\n]+)["']/g;
const LOCAL_EXPORT_LIST = /^export (?:type )?\{([^}]*)\}(?!\s*from)/gm;

/** Names taken from a module: under `*`, all of them. */
interface Taken {
  readonly from: string;
  readonly names: readonly string[];
  /** Those under which they are exported again; absent for an import. */
  readonly passedOnAs?: readonly string[];
}

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
    .filter((file) => !READ_BY_TOOLS.test(file.path) && !used.has(`${file.path}#*`))
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

function namesExportedBy(file: SourceFile, taken: readonly Taken[]): readonly string[] {
  const declared = [...file.text.matchAll(DECLARATION)].map(([, name = ""]) => name);
  const listed = [...file.text.matchAll(LOCAL_EXPORT_LIST)].flatMap(([, list = ""]) =>
    namesIn(list).map(({ as }) => as),
  );
  const passedOn = taken.flatMap(({ passedOnAs = [] }) => passedOnAs.filter((name) => name !== "*"));
  return [...declared, ...listed, ...passedOn];
}

function takenBy(file: SourceFile, resolve: Resolve): readonly Taken[] {
  const fixed = [...file.text.matchAll(IMPORT_OR_EXPORT_FROM)].map(
    ([, keyword = "", clause = "", specifier = ""]): Taken => {
      const from = resolve(file.path, specifier);
      const names = clause.includes("{")
        ? namesIn(/\{([^}]*)\}/.exec(clause)?.[1] ?? "")
        : [{ name: "*", as: "*" }];
      return {
        from,
        names: names.map(({ name }) => name),
        ...(keyword === "export" && { passedOnAs: names.map(({ as }) => as) }),
      };
    },
  );
  const dynamic = [...file.text.matchAll(DYNAMIC_IMPORT)].map(([, specifier = ""]): Taken => ({
    from: resolve(file.path, specifier),
    names: ["*"],
  }));
  return [...fixed, ...dynamic];
}

function namesIn(list: string): readonly { readonly name: string; readonly as: string }[] {
  return list
    .replaceAll(/\/\/.*$/gm, "")
    .split(",")
    .map((each) => each.trim().replace(/^type\s+/, ""))
    .filter((each) => each !== "")
    .map((each) => {
      const [name = "", as = name] = each.split(/\s+as\s+/);
      return { name, as };
    });
}

interface Manifest {
  readonly name: string;
  readonly exports?: string | Record<string, string | { readonly development?: string }>;
}

type Resolve = (importer: string, specifier: string) => string;

/** The file that is meant. Packages of the workspace say in their manifests where their sources are. */
function resolver(files: readonly SourceFile[]): Resolve {
  const entries = new Map<string, string>();
  for (const { path, text } of files) {
    if (!/^packages\/[^/]+\/package\.json$/.test(path)) continue;
    const { name, exports = {} } = JSON.parse(text) as Manifest;
    const all = typeof exports === "string" ? { ".": exports } : exports;
    for (const [entry, target] of Object.entries(all)) {
      const source = typeof target === "string" ? target : target.development;
      if (source !== undefined) entries.set(join(name, entry), join(dirname(path), source));
    }
  }
  return (importer, specifier) =>
    specifier.startsWith(".") ? join(dirname(importer), specifier) : (entries.get(specifier) ?? specifier);
}
