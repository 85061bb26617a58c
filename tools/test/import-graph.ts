/**
 * Which files stand on which: by import, by the package's name, and by a path that a file names as text, such as a program that it starts.
 */
import { dirname, join } from "node:path/posix";
import { importsOf } from "../tidy/imports.ts";
import type { SourceFile } from "../tidy/source-file.ts";

/** What the name of a workspace package stands for. */
const PACKAGE_ENTRY: ReadonlyMap<string, string> = new Map([
  ["fastvm", "packages/sdk/src/index.ts"],
  ["@fastvm/sdk", "packages/sdk-alias/src/index.ts"],
]);
const NAMED_PATH = /["'`]((?:\.{1,2}\/)*[\w@-][\w./@-]*)["'`]/g;
/** A quoted path that leads to a folder means all of it, but for the roots, which everything finds itself by. */
const SMALLEST_FOLDER_DEPTH = 3;

export class ImportGraph {
  readonly #importers = new Map<string, Set<string>>();
  readonly #known: ReadonlySet<string>;

  constructor(files: readonly SourceFile[]) {
    this.#known = new Set(files.map(({ path }) => path));
    const byFolder = foldersOf(this.#known);
    for (const file of files) {
      if (!/\.(?:ts|js|json)$/.test(file.path)) continue;
      for (const target of this.#targets(file, byFolder)) this.#add(target, file.path);
    }
  }

  /** The files themselves, and everything that stands on any of them. */
  dependents(paths: Iterable<string>): ReadonlySet<string> {
    const found = new Set(paths);
    // A set that grows while it is walked is walked to its new end.
    for (const path of found) for (const importer of this.#importers.get(path) ?? []) found.add(importer);
    return found;
  }

  #targets(file: SourceFile, byFolder: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const imports = importsOf(file).map((name) => this.#resolve(file.path, name));
    // A list of packages names others without standing on them.
    const named = file.path.endsWith(".ts")
      ? [...file.text.matchAll(NAMED_PATH)].flatMap(([, name = ""]) => {
          const path = this.#resolve(file.path, name);
          if (path !== undefined) return [path];
          return this.#places(file.path, name).flatMap((place) => byFolder.get(place) ?? []);
        })
      : [];
    return [...imports, ...named].filter((path) => path !== undefined);
  }

  #resolve(from: string, name: string): string | undefined {
    const entry = PACKAGE_ENTRY.get(name) ?? name.replace(/^@fastvm\/([\w-]+)$/, "packages/$1/src/index.ts");
    return [entry, ...this.#places(from, name)].find((path) => path !== from && this.#known.has(path));
  }

  /** Paths are named from the file's folder, from its package's, or from the root. */
  #places(from: string, name: string): readonly string[] {
    const bases = [dirname(from), packageRoot(from), ""];
    return [...new Set(bases.map((base) => join(base, name).replace(/\/$/, "")))];
  }

  #add(target: string, importer: string): void {
    const importers = this.#importers.get(target) ?? new Set();
    importers.add(importer);
    this.#importers.set(target, importers);
  }
}

function foldersOf(paths: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const folders = new Map<string, string[]>();
  for (const path of paths) {
    const parts = path.split("/");
    for (let depth = SMALLEST_FOLDER_DEPTH; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      folders.set(folder, [...(folders.get(folder) ?? []), path]);
    }
  }
  return folders;
}

function packageRoot(path: string): string {
  return /^packages\/[^/]+/.exec(path)?.[0] ?? "";
}
