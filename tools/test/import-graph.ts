/**
 * Which files stand on which when they run: by what they import, name by name through the files that only pass it on, and by a path that a
 * file names as text, such as a program that it starts. What is imported for its types alone is not run: of that the compiler judges.
 */
import { dirname, join } from "node:path/posix";
import {
  ALL,
  IMPORT_OR_EXPORT_FROM,
  namesExportedBy,
  resolver,
  takenBy,
  type Resolve,
  type Taken,
} from "../tidy/exported-names.ts";
import type { SourceFile } from "../tidy/source-file.ts";

const CODE = /\.(?:ts|js)$/;
/** With a dot or a slash in it: a word alone is a word, also where a package has that name. */
const NAMED_PATH = /["'`]((?:\.{1,2}\/)*[\w@-]+[./][\w./@-]*)["'`]/g;
/** A quoted path that leads to a folder means all of it, but for the roots, which everything finds itself by. */
const SMALLEST_FOLDER_DEPTH = 3;

export class ImportGraph {
  readonly #importers = new Map<string, Set<string>>();
  readonly #known: ReadonlySet<string>;
  readonly #resolve: Resolve;
  readonly #taken: ReadonlyMap<string, readonly Taken[]>;
  readonly #exported: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(files: readonly SourceFile[]) {
    const code = files.filter(({ path }) => CODE.test(path));
    this.#known = new Set(files.map(({ path }) => path));
    this.#resolve = resolver(files);
    this.#taken = new Map(code.map((file) => [file.path, takenBy(file, this.#resolve)]));
    this.#exported = new Map(
      code.map((file) => [file.path, new Set(namesExportedBy(file, this.#taken.get(file.path) ?? []))]),
    );
    const byFolder = foldersOf(this.#known);
    for (const file of code) {
      for (const target of this.#targets(file, byFolder)) this.#add(target, file.path);
    }
  }

  /** The files themselves, and everything that stands on any of them, the nearest first. */
  dependents(paths: Iterable<string>): ReadonlySet<string> {
    const found = new Set(paths);
    // A set that grows while it is walked is walked to its new end.
    for (const path of found) for (const importer of this.#importers.get(path) ?? []) found.add(importer);
    return found;
  }

  #targets(file: SourceFile, byFolder: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
    const targets = new Set<string>();
    for (const { from, values, passedOnAs } of this.#taken.get(file.path) ?? []) {
      // What is only passed on is a matter of those who take it here.
      if (passedOnAs === undefined) for (const name of values) this.#origins(from, name, targets);
    }
    for (const path of this.#named(file, byFolder)) this.#origins(path, ALL, targets);
    targets.delete(file.path);
    return targets;
  }

  /** The file that is asked for a name, those that pass it on, and the one that has it. */
  #origins(path: string, name: string, into: Set<string>, seen = new Set<string>()): void {
    if (!this.#known.has(path) || seen.has(`${path}#${name}`)) return;
    seen.add(`${path}#${name}`);
    into.add(path);
    for (const { from, values, passedOnAs } of this.#taken.get(path) ?? []) {
      for (const [index, value] of (passedOnAs === undefined ? [] : values).entries()) {
        if (name === ALL) this.#origins(from, value, into, seen);
        else if (value === ALL && this.#has(from, name)) this.#origins(from, name, into, seen);
        else if (passedOnAs?.[index] === name) this.#origins(from, value, into, seen);
      }
    }
  }

  /** A file that itself passes on all of another may have any name. */
  #has(path: string, name: string): boolean {
    const passesAllOn = (this.#taken.get(path) ?? []).some(({ passedOnAs }) => passedOnAs?.includes(ALL));
    return passesAllOn || (this.#exported.get(path)?.has(name) ?? false);
  }

  #named(file: SourceFile, byFolder: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const text = file.text.replaceAll(IMPORT_OR_EXPORT_FROM, "");
    return [...text.matchAll(NAMED_PATH)].flatMap(([, name = ""]) => {
      const places = [this.#resolve(file.path, name), ...placesOf(file.path, name)];
      const path = places.find((place) => place !== file.path && this.#known.has(place));
      return path === undefined ? places.flatMap((place) => byFolder.get(place) ?? []) : [path];
    });
  }

  #add(target: string, importer: string): void {
    const importers = this.#importers.get(target) ?? new Set();
    importers.add(importer);
    this.#importers.set(target, importers);
  }
}

/** Paths are named from the file's folder, from its package's, or from the root. */
function placesOf(from: string, name: string): readonly string[] {
  const bases = [dirname(from), packageRoot(from), ""];
  return [...new Set(bases.map((base) => join(base, name).replace(/\/$/, "")))];
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
