/** Which names a file exports, which it takes of others, and which of these it only passes on. */
import { dirname, join } from "node:path/posix";
import type { SourceFile } from "./source-file.ts";

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;
/** The whole statement. */
export const IMPORT_OR_EXPORT_FROM =
  /^(import|export)\s+(type\s+)?([^;"'`]*?)\s*\bfrom\s*["']([^"'\n]+)["']/gm;
const BARE_IMPORT = /^import\s*["']([^"'\n]+)["']/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*["']([^"'\n]+)["']/g;
const LOCAL_EXPORT_LIST = /^export (?:type )?\{([^}]*)\}(?!\s*from)/gm;
/** Stands for all names there are. */
export const ALL = "*";

/** Names taken from a module. */
export interface Taken {
  readonly from: string;
  readonly names: readonly string[];
  /** Those under which they are exported again; absent for an import. */
  readonly passedOnAs?: readonly string[];
  /** Of `names`, those of which something is left when the program runs. */
  readonly values: readonly string[];
}

export function namesExportedBy(file: SourceFile, taken: readonly Taken[]): readonly string[] {
  const declared = [...file.text.matchAll(DECLARATION)].map(([, name = ""]) => name);
  const listed = [...file.text.matchAll(LOCAL_EXPORT_LIST)].flatMap(([, list = ""]) =>
    namesIn(list).map(({ as }) => as),
  );
  const passedOn = taken.flatMap(({ passedOnAs = [] }) => passedOnAs.filter((name) => name !== ALL));
  return [...declared, ...listed, ...passedOn];
}

export function takenBy(file: SourceFile, resolve: Resolve): readonly Taken[] {
  const fixed = [...file.text.matchAll(IMPORT_OR_EXPORT_FROM)].map(
    ([, keyword = "", type, clause = "", specifier = ""]): Taken => {
      const names = clause.includes("{")
        ? namesIn(/\{([^}]*)\}/.exec(clause)?.[1] ?? "")
        : [{ name: ALL, as: ALL, isType: false }];
      return {
        from: resolve(file.path, specifier),
        names: names.map(({ name }) => name),
        values: type === undefined ? names.filter(({ isType }) => !isType).map(({ name }) => name) : [],
        ...(keyword === "export" && { passedOnAs: names.map(({ as }) => as) }),
      };
    },
  );
  const whole = (form: RegExp, names: readonly string[]): readonly Taken[] =>
    [...file.text.matchAll(form)].map(([, specifier = ""]) => ({
      from: resolve(file.path, specifier),
      names,
      values: [ALL],
    }));
  // The one names nothing and yet runs all of it.
  return [...fixed, ...whole(BARE_IMPORT, []), ...whole(DYNAMIC_IMPORT, [ALL])];
}

interface Name {
  readonly name: string;
  readonly as: string;
  readonly isType: boolean;
}

function namesIn(list: string): readonly Name[] {
  return list
    .replaceAll(/\/\/.*$/gm, "")
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map((each) => {
      const [name = "", as = name] = each.replace(/^type\s+/, "").split(/\s+as\s+/);
      return { name, as, isType: /^type\s/.test(each) };
    });
}

interface Manifest {
  readonly name: string;
  readonly exports?:
    | string
    | Record<string, string | { readonly development?: string; readonly default?: string }>;
}

export type Resolve = (importer: string, specifier: string) => string;

/** The file that is meant. Packages of the workspace say in their manifests where their sources are. */
export function resolver(files: readonly SourceFile[]): Resolve {
  const entries = new Map<string, string>();
  for (const { path, text } of files) {
    if (!/^packages\/[^/]+\/package\.json$/.test(path)) continue;
    const { name, exports = {} } = JSON.parse(text) as Manifest;
    const all = typeof exports === "string" ? { ".": exports } : exports;
    for (const [entry, target] of Object.entries(all)) {
      const source = typeof target === "string" ? target : (target.development ?? target.default);
      if (source !== undefined) entries.set(join(name, entry), join(dirname(path), source));
    }
  }
  return (importer, specifier) =>
    specifier.startsWith(".") ? join(dirname(importer), specifier) : (entries.get(specifier) ?? specifier);
}
