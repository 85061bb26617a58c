/** Whether a query failed because the disk of the database is full: the one failure of a store that its owner can end. */

/** SQLITE_FULL. Node keeps SQLite's number, which may be extended, in `errcode`. */
const SQLITE_FULL = 13;
const SQLITE_PRIMARY_CODE = 0xff;
/** SQLITE_IOERR_SHMSIZE: no room for the index of the write-ahead log. */
const SQLITE_IOERR_SHMSIZE = 4874;
/** PostgreSQL's `disk_full`. */
const POSTGRES_DISK_FULL = "53100";

export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && typeof error.errcode === "number") {
    const isFull = (error.errcode & SQLITE_PRIMARY_CODE) === SQLITE_FULL;
    return isFull || error.errcode === SQLITE_IOERR_SHMSIZE;
  }
  return "code" in error && error.code === POSTGRES_DISK_FULL;
}
