/** `--tail`. */

/** The last `count` lines, one that has no end yet included; all of them for `undefined`. */
export function lastLines(text: string, count: number | undefined): string {
  if (count === undefined) return text;
  if (count === 0) return "";
  const lines = text.split("\n");
  const ended = lines.at(-1) === "" ? 1 : 0;
  return lines.slice(-(count + ended)).join("\n");
}
