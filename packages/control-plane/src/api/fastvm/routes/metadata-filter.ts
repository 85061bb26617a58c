/** `metadata.<key>=<value>` in a query: different keys must all match, a key given twice may match either value. */
type Query = Readonly<Record<string, string | string[]>>;

const PREFIX = "metadata.";

export function matchesMetadata(
  query: Query,
): (record: { metadata: Readonly<Record<string, string>> }) => boolean {
  const filters = Object.entries(query)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, value]) => ({
      key: name.slice(PREFIX.length),
      values: Array.isArray(value) ? value : [value],
    }));
  return ({ metadata }) =>
    filters.every(({ key, values }) => {
      // Own keys only: `constructor` is in every object.
      const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
      return value !== undefined && values.includes(value);
    });
}
