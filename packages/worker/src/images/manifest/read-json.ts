/** JSON of strangers, read field by field: what is not of its type is an error of the image. */
import { invalidImage } from "../invalid-image.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function readJsonObject(bytes: Uint8Array, what: string): JsonObject {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidImage(`${what} is no JSON`, error);
  }
  return asObject(found, what);
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalidImage(`${what} is no object`);
}

/** Absent and `null`: none. */
export function asList(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw invalidImage(`${what} is no list`);
}

export function asStrings(value: unknown, what: string): readonly string[] {
  return asList(value, what).map((each) => {
    if (typeof each === "string") return each;
    throw invalidImage(`${what} has something that is no text`);
  });
}

/** Absent and `null`: empty. */
export function asText(value: unknown, what: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  throw invalidImage(`${what} is no text`);
}
