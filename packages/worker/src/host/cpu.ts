/** Facts about the host's processor that captured guests depend on. */
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { replaceFileDurably } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { runTool } from "../processes/spawn.ts";

const MEASURE_TIMEOUT_MS = 5_000;
/** Two measurements on one processor differ by some millionths. Well below what guests bear, see snapshot/manifest.ts. */
const SAME_RATE = 0.0001;

export function cpuModel(): string {
  return cpus()[0]?.model.trim() ?? "unknown";
}

/**
 * The rate of the time-stamp counter in kHz. Guests are told it and keep it in their memory, so the
 * first figure measured on this host is kept in `folder` and used again for as long as it is true.
 */
export async function readTscKhz(measureTool: string, folder: string): Promise<number> {
  const path = join(folder, "tsc-khz");
  const measured = Number(await runTool(measureTool, [], { timeoutMs: MEASURE_TIMEOUT_MS }));
  const known = await readNumber(path);
  if (known !== undefined && Math.abs(known / measured - 1) < SAME_RATE) return known;
  await replaceFileDurably(path, `${measured}\n`, { mode: 0o644 });
  return measured;
}

async function readNumber(path: string): Promise<number | undefined> {
  try {
    return Number(await readFile(path, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
