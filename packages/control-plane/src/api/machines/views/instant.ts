/** RFC 3339; null stays. */
export function instantOf<Ms extends number | null>(ms: Ms): Ms extends null ? string | null : string {
  return (ms === null ? null : new Date(ms).toISOString()) as Ms extends null ? string | null : string;
}
