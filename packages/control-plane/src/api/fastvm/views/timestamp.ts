/** RFC 3339 with zone, as every client of the API parses it. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}
