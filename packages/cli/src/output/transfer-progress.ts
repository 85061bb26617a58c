/** A line on stderr that says how much has gone over: only on a terminal. */
import type { TransferProgress } from "fastvm";

const CLEAR_LINE = "\r\u001b[2K";
/** A terminal gains nothing from more. */
const MIN_INTERVAL_MS = 100;
const MIB = 1024 * 1024;
const BAR_CHARS = 20;

export async function withTransferProgress(
  what: string,
  work: (onProgress: (progress: TransferProgress) => void) => Promise<void>,
): Promise<void> {
  if (!process.stderr.isTTY) return work(() => undefined);
  const startedAt = performance.now();
  let shownAt = 0;
  try {
    await work((progress) => {
      const now = performance.now();
      if (now - shownAt < MIN_INTERVAL_MS) return;
      shownAt = now;
      process.stderr.write(`${CLEAR_LINE}${describe(progress, (now - startedAt) / 1000)}  ${what}`);
    });
  } finally {
    process.stderr.write(CLEAR_LINE);
  }
}

/** A bar where the end is known, and the rate in any case. */
export function describe({ transferredBytes, totalBytes }: TransferProgress, seconds: number): string {
  const mib = transferredBytes / MIB;
  const rate =
    seconds > 0 ? `${mib.toFixed(1)} MiB  ${(mib / seconds).toFixed(1)} MiB/s` : `${mib.toFixed(1)} MiB`;
  if (totalBytes === undefined || totalBytes === 0) return rate;
  // A file may grow while it is read.
  const part = Math.min(1, transferredBytes / totalBytes);
  const filled = Math.round(part * BAR_CHARS);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `${"█".repeat(filled)}${"░".repeat(BAR_CHARS - filled)}  ${percent} %  ${rate}`;
}
