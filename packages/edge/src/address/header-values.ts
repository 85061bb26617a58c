/** Values of headers, from the lines as they came. */
import type { ClientRequest } from "../client-request.ts";

/** The values of a header, one per line in which it occurs. */
export function valuesOf({ rawHeaders }: Pick<ClientRequest, "rawHeaders">, name: string): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

/** The members of comma-separated lists, in lower case. */
export function optionsOf(values: readonly string[]): readonly string[] {
  return values
    .flatMap((value) => value.split(","))
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== "");
}
