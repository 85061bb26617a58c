/** What a command on machines has to say: to programs as JSON, to people as a line or a table. */
import { printJson, printLine } from "../../output/print.ts";

export function show(isJson: boolean, value: object, words: () => string): void {
  if (isJson) printJson(value);
  else printLine(words());
}
