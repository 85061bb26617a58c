/** A name that is one of hosts too, where nobody says which. */

const MIN_SLUG = 3;
const MAX_SLUG = 63;

export function slugOf(name: string): string {
  const words = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const slug = words.slice(0, MAX_SLUG).replaceAll(/^-+|-+$/g, "");
  return slug.length < MIN_SLUG ? `sandbox-${slug}`.replace(/-$/, "") : slug;
}
