/** What frames have in them, read with care: their senders are strangers. */
import type { Payload } from "./frame.ts";

export function textIn(payload: Payload, name: string): string | undefined {
  const value = payload[name];
  return typeof value === "string" ? value : undefined;
}

export function textsIn(payload: Payload, name: string): readonly string[] {
  const value = payload[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** A number that JavaScript has exactly. */
export function numberIn(payload: Payload, name: string): number | undefined {
  const value = payload[name];
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

export function flagIn(payload: Payload, name: string): boolean {
  return payload[name] === true;
}

/** A list of numbers is bytes too: some encoders know no others. */
export function bytesIn(payload: Payload, name: string): Uint8Array {
  const value = payload[name];
  if (value instanceof Uint8Array) return value;
  return Array.isArray(value) ? Uint8Array.from(value as number[]) : new Uint8Array();
}

export function mapIn(payload: Payload, name: string): Payload {
  const value = payload[name];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Payload) : {};
}
