/**
 * Where the daemon's log goes. A line that cannot be written is dropped: pino's own destination waits for room without end, so that a full
 * disk under the log would stop the whole daemon.
 */
import { writeSync } from "node:fs";

const STANDARD_OUTPUT = 1;

interface LogDestination {
  write(line: string): void;
}

export function logDestination(fd = STANDARD_OUTPUT): LogDestination {
  let isCut = false;
  return {
    write(line) {
      // What follows a line that was cut starts on a line of its own.
      const bytes = Buffer.from(isCut ? `\n${line}` : line);
      let written = 0;
      try {
        written = writeSync(fd, bytes);
      } catch {
        // There is nowhere left to report it to.
      }
      isCut = written === 0 ? isCut : written < bytes.length;
    },
  };
}
