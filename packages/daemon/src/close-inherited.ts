/**
 * Closes what a daemon in the foreground was started with, but for its standard descriptors: the
 * tools that it starts would have it, too. Node itself marks all that it opens as closed for those,
 * and what it finds at its start up to the first gap; whatever is not marked is somebody else's.
 */
import { closeSync, readdirSync, readFileSync } from "node:fs";

const FIRST_BEYOND_STANDARD = 3;
/** `FD_CLOEXEC` as /proc/PID/fdinfo shows it among the flags, in octal. */
const CLOSED_ON_EXEC = 0o2000000;

export function closeInherited(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd >= FIRST_BEYOND_STANDARD && !isClosedOnExec(fd)) closeSync(fd);
  }
}

function isClosedOnExec(fd: number): boolean {
  let text: string;
  try {
    text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  } catch {
    // The one with which the list was read.
    return true;
  }
  const flags = Number.parseInt(/^flags:\s+(\d+)$/m.exec(text)?.[1] ?? "0", 8);
  return (flags & CLOSED_ON_EXEC) !== 0;
}
