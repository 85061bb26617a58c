/** What files a VM has, as its own `find` tells, and how two such lists differ. */

/** Of one file all that tells it from another of its name; of a folder not its time, which its files change. */
export type Listing = ReadonlyMap<string, string>;

/** Each entry ends in a NUL, since anything else may be in a name. `-xdev`: not what is mounted there. */
export function findCommand(path: string): readonly string[] {
  const folder = ["-type", "d", "-printf", String.raw`%y %m %U %G\0%p\0`];
  const other = ["-printf", String.raw`%y %m %U %G %s %T@ %l\0%p\0`];
  return ["find", path, "-xdev", "(", ...folder, ")", "-o", "(", ...other, ")"];
}

export function parseListing(bytes: Buffer): Listing {
  // Names are bytes; as Latin-1 each stays what it is.
  const fields = bytes.toString("latin1").split("\0");
  const listing = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) listing.set(fields[at + 1] ?? "", fields[at] ?? "");
  return listing;
}

export interface Difference {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: string;
}

/** In the order of paths. What is in a folder that is new or gone is listed, too. */
export function differencesOf(before: Listing, after: Listing): readonly Difference[] {
  const found: { kind: Difference["kind"]; name: string }[] = [];
  for (const [name, file] of after) {
    const known = before.get(name);
    if (known === undefined) found.push({ kind: "added", name });
    else if (known !== file) found.push({ kind: "changed", name });
  }
  for (const name of before.keys()) if (!after.has(name)) found.push({ kind: "deleted", name });
  return found
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ kind, name }) => ({ kind, path: Buffer.from(name, "latin1").toString() }));
}
