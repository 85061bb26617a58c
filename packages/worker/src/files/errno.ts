/** A full disk, or a quota's end. */
export function isOutOfDisk(error: unknown): boolean {
  return isErrno(error, "ENOSPC", "EDQUOT");
}

/** Whether an error is a system error with one of these codes. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code)
  );
}
