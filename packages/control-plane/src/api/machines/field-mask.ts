/** `fields=id,status`: the answer has these and no others. */
import { FastvmError } from "@fastvm/contract";

/** `undefined` where the query has no mask. Throws `invalid_fields` for a name that is not among the known. */
export function maskOf(
  query: Readonly<Record<string, unknown>>,
  known: readonly string[],
): readonly string[] | undefined {
  const { fields } = query;
  if (typeof fields !== "string") return undefined;
  const names = fields.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  const quoted = JSON.stringify(unknown.slice(0, 40));
  throw new FastvmError("invalid_request", `${quoted} is not a field; there are ${known.join(", ")}`, {
    field: "fields",
  });
}

export function masked(view: object, mask: readonly string[] | undefined): object {
  if (mask === undefined) return view;
  return Object.fromEntries(Object.entries(view).filter(([name]) => mask.includes(name)));
}
