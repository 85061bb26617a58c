/** Rules about tables that name tests: the files are there, and what is quoted is in one of them. */
import type { Finding, SourceFile } from "./source-file.ts";

const FILE = /`([\w./…-]+\.(?:ts|py|md))`/g;
const TITLE = /"([^"]+)"/g;
/** What a row says instead of a test, with its reason behind. */
const NONE = /\bnone: /;

/** Of pages whose tables end in a column `test`. */
export function lostTests(files: readonly SourceFile[], pages: readonly string[]): readonly Finding[] {
  return files
    .filter(({ path }) => pages.includes(path))
    .flatMap((page) => rowsOf(page).flatMap((row) => objections(page, row, files)));
}

function rowsOf({ text }: SourceFile): readonly string[] {
  const rows: string[] = [];
  let names = false;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) names = false;
    else if (line.endsWith("| test |")) names = true;
    else if (names && !/^[|-]+$/.test(line)) rows.push(line);
  }
  return rows;
}

function objections(page: SourceFile, row: string, files: readonly SourceFile[]): readonly Finding[] {
  const cell = row.split(" | ").at(-1) ?? "";
  const said = row.slice(0, 60);
  const named = [...cell.matchAll(FILE)].map(([, name = ""]) => name);
  if (named.length === 0) return NONE.test(cell) ? [] : [`${page.path}: names no test: ${said}`];
  const found = named.map((name) => files.filter(({ path }) => `/${path}`.endsWith(`/${name}`)));
  const lost = named.filter((_name, at) => found[at]?.length === 0);
  const texts = found
    .flat()
    .map(({ path, text }) => (path.endsWith(".py") ? text.replaceAll("_", " ") : text));
  const titles = [...cell.matchAll(TITLE)].map(([, title = ""]) => title);
  const missing = titles.filter((title) => !texts.some((text) => text.includes(title)));
  return [
    ...lost.map((name) => `${page.path}: names ${name}, which is not there: ${said}`),
    ...missing.map((title) => `${page.path}: no file of the row has "${title}": ${said}`),
  ];
}
