/** Paths in machines: the work tree, and the part of it that is ours. */
import { posix } from "node:path";
import { FastvmError } from "@fastvm/contract";

/** The work tree of machines whose creator says nothing of it. */
export const WORKSPACE = "/workspace";
const RESERVED = `${WORKSPACE}/.nullspace`;

/** Normalised. Throws `invalid_request` for what is relative or reserved. */
export function machinePath(path: string, field: string): string {
  if (!path.startsWith("/")) throw invalid(field, "must be absolute");
  if (path.includes("\0")) throw invalid(field, "may not contain NUL");
  const normal = posix.normalize(path).replace(/(?<=.)\/$/, "");
  refuseReserved(normal, field);
  return normal;
}

/** Of a path that is normalised. */
export function isReserved(path: string): boolean {
  return path === RESERVED || path.startsWith(`${RESERVED}/`);
}

function refuseReserved(path: string, field: string): void {
  if (isReserved(posix.normalize(path))) {
    throw invalid(field, `may not be in ${RESERVED}, which is reserved`);
  }
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
