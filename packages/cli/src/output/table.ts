/** Tables for people: a header, columns as wide as their widest cell, nothing else. */

const GAP = "  ";
/** Names come from other people: a control character in one must not steer this terminal. */
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/g;
// oxlint-disable-next-line no-control-regex
const STEERING_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ""))));
  return cells
    .map((row) =>
      row
        .map((cell, at) => pad(cell, widths[at] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .join("\n");
}

/** Names and their values, one pair a line. */
export function renderFields(
  fields: readonly (readonly [name: string, value: string | undefined])[],
): string {
  const present = fields.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, printable(value)] as const],
  );
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`).join("\n");
}

export function printable(text: string): string {
  return text.replace(CONTROL_CHARACTERS, "?");
}

/** Of text in lines: they stay lines. */
export function harmless(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(STEERING_CHARACTERS, "?");
}

/** In code points, so that an accent or an emoji does not shift the columns by the way it is encoded. */
function widthOf(text: string): number {
  let width = 0;
  for (const _ of text) width += 1;
  return width;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}
