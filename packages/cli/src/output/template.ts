/**
 * `--format`: an answer's fields in the words of docker's templates, such as `{{.name}}\t{{.status}}`. Fields and `json` are all there
 * is of that language; the rest is refused by name.
 */
import { UserError } from "../user-error.ts";
import { renderTable } from "./table.ts";

type Part = { readonly text: string } | { readonly path: readonly string[]; readonly asJson: boolean };

export interface Template {
  /** `table {{.name}}`: with a header, and columns at the tabs. */
  readonly isTable: boolean;
  readonly parts: readonly Part[];
}

/** What Go's templates print for a field that is not there. */
const NO_VALUE = "<no value>";
const ACTION = /\{\{\s*(json\s+)?\.([\w.-]*)\s*\}\}/g;

/** Throws a UserError for what is no template of these. */
export function parseTemplate(format: string): Template {
  const isTable = /^table\s/.test(format);
  const text = (isTable ? format.replace(/^table\s+/, "") : format)
    .replaceAll(String.raw`\t`, "\t")
    .replaceAll(String.raw`\n`, "\n");
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: whole, 1: json, 2: path = "", index } of text.matchAll(ACTION)) {
    parts.push({ text: text.slice(end, index) });
    parts.push({ path: path.split(".").filter((name) => name !== ""), asJson: json !== undefined });
    end = index + whole.length;
  }
  const rest = text.slice(end);
  const between = parts.flatMap((part) => ("text" in part ? [part.text] : []));
  if (parts.length === 0 || [...between, rest].some((piece) => piece.includes("{{"))) {
    throw new UserError(
      `${JSON.stringify(format)} is no format`,
      "Give json, table, or fields as '{{.id}} {{.name}}' or '{{json .metadata}}'; --json shows which there are",
    );
  }
  return { isTable, parts: [...parts, { text: rest }] };
}

/** One line for each element of a list, and one for anything else. */
export function renderTemplate({ isTable, parts }: Template, value: unknown): string {
  const elements: readonly unknown[] = Array.isArray(value) ? value : [value];
  const lines = elements.map((element) => parts.map((part) => partOf(part, element)).join(""));
  if (!isTable) return lines.join("\n");
  const header = parts.map((part) => ("text" in part ? part.text : (part.path.at(-1) ?? "").toUpperCase()));
  return renderTable(
    header.join("").split("\t"),
    lines.map((line) => line.split("\t")),
  );
}

function partOf(part: Part, element: unknown): string {
  if ("text" in part) return part.text;
  const found = part.path.reduce<unknown>(fieldOf, element);
  if (part.asJson) return JSON.stringify(found ?? null);
  if (found === undefined || found === null) return NO_VALUE;
  return typeof found === "string" ? found : JSON.stringify(found);
}

/** As it is written, else whatever its capitals: docker's users type `.ID`. */
function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map(Object.entries(value));
  if (fields.has(name)) return fields.get(name);
  const key = [...fields.keys()].find((each) => each.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : fields.get(key);
}
