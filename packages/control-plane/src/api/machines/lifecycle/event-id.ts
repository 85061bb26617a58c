/** An event's place in its account's order, written as the UUID that clients expect: version 8, whose last 12 digits are the number. */
const ID = /^00000000-0000-8000-8000-([0-9a-f]{12})$/;

export function eventIdOf(number: number): string {
  return `00000000-0000-8000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** `undefined` for what is none. */
export function numberOf(eventId: string): number | undefined {
  const [, hex] = ID.exec(eventId) ?? [];
  return hex === undefined ? undefined : Number.parseInt(hex, 16);
}
