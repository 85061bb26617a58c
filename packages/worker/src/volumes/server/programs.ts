/** The native program that serves folders, and hands them over: packages/worker/native/volume. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FastvmError } from "@fastvm/contract";
import { runTool } from "../../processes/spawn.ts";

export const VOLUME_SERVER = fileURLToPath(new URL("../../../native/build/fastvm-volume", import.meta.url));

const ATTACH_TIMEOUT_MS = 20_000;

/** An installation without it keeps volumes, and serves none. */
export function requireVolumeServer(): void {
  if (existsSync(VOLUME_SERVER)) return;
  throw new FastvmError(
    "not_supported",
    "the program that serves volumes is not installed beside the daemon",
  );
}

/** What a server serves, and by which rules. */
export interface ServedFolder {
  /** Without a link in it. */
  readonly path: string;
  /** Of the file system that is expected there: the volume's, and not its mount point's. */
  readonly device?: number;
  /** Beside those that hold for all. */
  readonly options: readonly string[];
}

interface Attachment {
  /** To which the socket's name is relative. */
  readonly cwd?: string;
  readonly controlSocket: string;
  readonly tag: string;
  /** Without a link in it. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly device?: number;
  readonly options?: readonly string[];
}

/** `attach.c` says so of another device. */
const ELSEWHERE = /^fastvm-volume: it is on another device$/m;

/**
 * Files of the host's own that a VM sees as they are: owners and modes are those of the guest. Nothing of it is the host's to run.
 * Rejects with `volume_busy` where the volume was unmounted since it was found.
 */
export async function attachFolder(attachment: Attachment): Promise<void> {
  const { cwd } = attachment;
  const [program, ...args] = attachCommand(attachment);
  try {
    await runTool(program, args, { timeoutMs: ATTACH_TIMEOUT_MS, ...(cwd === undefined ? {} : { cwd }) });
  } catch (error) {
    if (!(error instanceof Error && ELSEWHERE.test(error.message))) throw error;
    throw new FastvmError("volume_busy", "the volume was just unmounted; ask again", { cause: error });
  }
}

/** The same as a command. */
export function attachCommand(
  attachment: Omit<Attachment, "cwd">,
): readonly [program: string, ...args: string[]] {
  const { controlSocket, tag, path, readOnly, device, options: more = [] } = attachment;
  const own = [...(readOnly ? ["readonly"] : []), ...(device === undefined ? [] : [`device=${device}`])];
  const options = ["nosuid", "nodev", "noexec", ...own, ...more].join(",");
  const words = ["--control", controlSocket, "--tag", tag, "--path", path, "--options", options];
  return [VOLUME_SERVER, "attach", ...words];
}
