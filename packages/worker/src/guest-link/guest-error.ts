/** Errors that the guest's system answered with, such as ENOENT for a file that is not there. */
import { constants } from "node:os";

const NAMES = new Map<number, string>(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** A guest that has more to say about an error says it in vain. */
const MAX_TEXT_BYTES = 4096;

/** The guest's kernel refused an operation. `code` is the error's name, such as `ENOENT`. */
export class GuestError extends Error {
  readonly errno: number;
  readonly code: string;

  constructor(errno: number, text: string) {
    const code = errnoName(errno);
    super(text === "" ? code : `${code}: ${text}`);
    this.name = "GuestError";
    this.errno = errno;
    this.code = code;
  }
}

/** `E123` for a number that this system has no name for. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** u32 errno and UTF-8 text, as DONE and IDENTITY_DONE carry them. `undefined` when it is too short. */
export function decodeResult(payload: Buffer): { readonly errno: number; readonly text: string } | undefined {
  if (payload.length < 4) return undefined;
  return { errno: payload.readUInt32LE(0), text: payload.toString("utf8", 4, 4 + MAX_TEXT_BYTES) };
}
