/** Whether something failed because a disk is full, the database's or that of our files: the one failure that the host's owner can end. */

/** SQLITE_FULL. Node keeps SQLite's number, which may be extended, in `errcode`. */
const SQLITE_FULL = 13;
const SQLITE_PRIMARY_CODE = 0xff;
/** SQLITE_IOERR_SHMSIZE: no room for the index of the write-ahead log. */
const SQLITE_IOERR_SHMSIZE = 4874;
/** PostgreSQL's `disk_full`; the system's own two, of files. */
const DISK_FULL_CODES: readonly unknown[] = ["53100", "ENOSPC", "EDQUOT"];

export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && typeof error.errcode === "number") {
    const isFull = (error.errcode & SQLITE_PRIMARY_CODE) === SQLITE_FULL;
    return isFull || error.errcode === SQLITE_IOERR_SHMSIZE;
  }
  return "code" in error && DISK_FULL_CODES.includes(error.code);
}
