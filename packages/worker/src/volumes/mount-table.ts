/** What is mounted in the daemon's namespace, and which loop devices lie over which files: as the kernel has it. */
import { readdir, readFile } from "node:fs/promises";
import { isErrno } from "../files/errno.ts";

interface MountEntry {
  readonly path: string;
  /** Such as `/dev/loop3`. */
  readonly source: string;
}

/** Those beneath a folder, the last that was mounted first. */
export async function mountsBeneath(folder: string): Promise<readonly MountEntry[]> {
  return parseMounts(await readFile("/proc/self/mountinfo", "utf8"))
    .filter(({ path }) => path.startsWith(`${folder}/`))
    .toReversed();
}

/** Of a whole mountinfo. */
export function parseMounts(table: string): readonly MountEntry[] {
  return table.split("\n").filter(Boolean).map(parseMount);
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`; see proc_pid_mountinfo(5). */
function parseMount(line: string): MountEntry {
  const words = line.split(" ");
  return { path: unescaped(words[4] ?? ""), source: unescaped(words[words.indexOf("-") + 2] ?? "") };
}

/** The kernel writes blanks and backslashes as three octal digits. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

interface LoopDevice {
  readonly device: string;
  readonly file: string;
}

/** Loop devices over files beneath a folder, also over such as were removed. */
export async function loopsBeneath(folder: string): Promise<readonly LoopDevice[]> {
  const names = (await readdir("/sys/block").catch(() => [])).filter((name) => name.startsWith("loop"));
  const found = await Promise.all(
    names.map(async (name) => ({ device: `/dev/${name}`, file: await backingFile(name) })),
  );
  return found.flatMap(({ device, file }) =>
    file?.startsWith(`${folder}/`) === true ? [{ device, file }] : [],
  );
}

/** Absent of a device that has none. */
async function backingFile(name: string): Promise<string | undefined> {
  try {
    return (await readFile(`/sys/block/${name}/loop/backing_file`, "utf8")).trim();
  } catch (error) {
    // It may be given up in this moment.
    if (isErrno(error, "ENOENT", "ENODEV", "ENXIO", "EIO")) return undefined;
    throw error;
  }
}
