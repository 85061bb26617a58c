/**
 * What a file that is copied by itself keeps besides its bytes: permissions and time. Its
 * owner is whoever receives it, so no set-id bit goes along.
 */
export interface FileMetadata {
  readonly mode: number;
  /** Seconds since 1970 with nine digits behind the point: more than a number of JavaScript holds. */
  readonly modified: string;
  readonly hasHoles: boolean;
}

/** The bits that mean the same under another owner. */
const PERMISSION_BITS = 0o777;
/** Of `blocks` in every stat. */
const BLOCK_BYTES = 512;
const NANOSECONDS = 1_000_000_000n;

interface Stat {
  readonly mode: bigint;
  readonly size: bigint;
  readonly blocks: bigint;
  readonly mtimeNs: bigint;
}

export function metadataOf({ mode, size, blocks, mtimeNs }: Stat): FileMetadata {
  const absolute = mtimeNs < 0n ? -mtimeNs : mtimeNs;
  const fraction = String(absolute % NANOSECONDS).padStart(9, "0");
  return {
    mode: Number(mode) & PERMISSION_BITS,
    modified: `${mtimeNs < 0n ? "-" : ""}${absolute / NANOSECONDS}.${fraction}`,
    hasHoles: blocks * BigInt(BLOCK_BYTES) < size,
  };
}

/** For GNU's `stat -L -c`; others fail or print something else. */
export const STAT_FORMAT = "%a %s %b %.9Y";

export function parseMetadata(line: string): FileMetadata | undefined {
  const [, mode, size, blocks, modified] = /^([0-7]+) (\d+) (\d+) (-?\d+\.\d{9})$/.exec(line) ?? [];
  if (mode === undefined || modified === undefined) return undefined;
  return {
    mode: Number.parseInt(mode, 8) & PERMISSION_BITS,
    modified,
    hasHoles: Number(blocks) * BLOCK_BYTES < Number(size),
  };
}

/** As `chmod` takes it. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
