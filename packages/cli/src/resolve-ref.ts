/** Finds what a person means by a full id, the first characters of one, or a name. */
import { printable } from "./output/table.ts";
import { shortId } from "./output/format.ts";
import { UserError } from "./user-error.ts";

const FULL_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Of more than these nobody reads the list. */
const MAX_CANDIDATES_SHOWN = 5;

interface Named {
  readonly id: string;
  readonly name: string;
}

/**
 * The id. A full one is taken as it is, without a look at the list; else a name goes before a prefix. Throws a
 * UserError when nothing or more than one thing fits.
 */
export async function resolveRef(
  kind: "VM" | "snapshot" | "volume",
  ref: string,
  list: () => Promise<readonly Named[]>,
): Promise<string> {
  if (FULL_ID.test(ref)) return ref.toLowerCase();
  const all = await list();
  const byName = all.filter(({ name }) => name === ref);
  const found =
    byName.length > 0 ? byName : all.filter(({ id }) => ref !== "" && id.startsWith(ref.toLowerCase()));
  const [only, ...others] = found;
  if (only === undefined) {
    const command = kind === "VM" ? "fastvm vm ls" : `fastvm ${kind} ls`;
    throw new UserError(`There is no ${kind} ${JSON.stringify(ref)}`, `See what there is with: ${command}`);
  }
  if (others.length > 0) {
    const shown = found
      .slice(0, MAX_CANDIDATES_SHOWN)
      .map(({ id, name }) => `${shortId(id)} (${printable(name)})`);
    const more = found.length > shown.length ? `, and ${found.length - shown.length} more` : "";
    throw new UserError(
      `${JSON.stringify(ref)} fits ${found.length} ${kind}s: ${shown.join(", ")}${more}`,
      "Give more of the id",
    );
  }
  return only.id;
}
