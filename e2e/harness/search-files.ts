/** Searches all files below some folders for texts in the forms in which programs keep and send them. */
import { execFile } from "node:child_process";
import { lstat, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Of what grep says: a line for each place. */
const MAX_SAID_BYTES = 16 * 1024 ** 2;
/** Of a command line. */
const PATHS_AT_ONCE = 2000;

/** Which text, in which form, in which file. */
interface FoundText {
  readonly text: string;
  readonly form: string;
  readonly path: string;
}

/** As it is, with every byte escaped as forms and as JSON have it, and within base64, wherever it begins in that. */
function formsOf(text: string): ReadonlyMap<string, string> {
  const bytes = [...Buffer.from(text)];
  const hex = (byte: number): string => byte.toString(16).padStart(2, "0");
  return new Map([
    ["plain", text],
    ["encoded", encodeURIComponent(text)],
    ["percent", bytes.map((byte) => `%${hex(byte)}`).join("")],
    ["percent, capitals", bytes.map((byte) => `%${hex(byte).toUpperCase()}`).join("")],
    ["json", bytes.map((byte) => `\\u00${hex(byte)}`).join("")],
    ["hex", Buffer.from(text).toString("hex")],
    ...[0, 1, 2].map((before): [string, string] => [`base64 after ${before}`, innerBase64(text, before)]),
  ]);
}

/** The digits that hold nothing but bits of the text, where so many bytes more stand before it. */
function innerBase64(text: string, before: number): string {
  const whole = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
  const first = Math.ceil((before * 8) / 6);
  return whole.toString("base64").slice(first, Math.floor((whole.length * 8) / 6));
}

/** Each file is read once; what is in it is told of all its links below the folders. */
export async function searchFiles(
  folders: readonly string[],
  texts: readonly string[],
): Promise<readonly FoundText[]> {
  const sought = texts.flatMap((text) =>
    [...formsOf(text)].map(([form, written]) => ({ text, form, written })),
  );
  const links = new Map<string, string[]>();
  for (const folder of folders) await collect(folder, links);
  const pathsOf = new Map(Array.from(links.values(), (paths) => [paths[0] ?? "", paths]));
  const files = [...pathsOf.keys()];
  const work = await mkdtemp(join(tmpdir(), "fastvm-search-"));
  try {
    const patterns = join(work, "patterns");
    await writeFile(patterns, sought.map(({ written }) => `${written}\n`).join(""));
    const found: FoundText[] = [];
    for (let at = 0; at < files.length; at += PATHS_AT_ONCE) {
      for (const [first, written] of await grep(patterns, files.slice(at, at + PATHS_AT_ONCE))) {
        const matches = sought.filter((one) => one.written === written);
        for (const path of pathsOf.get(first) ?? [])
          found.push(...matches.map(({ text, form }) => ({ text, form, path })));
      }
    }
    return found;
  } finally {
    await rm(work, { recursive: true });
  }
}

/** By device and inode. */
async function collect(path: string, links: Map<string, string[]>): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    // Of a folder that has just gone nothing is left to be found.
    for (const name of await readdir(path).catch(() => [])) await collect(join(path, name), links);
  } else if (found?.isFile() === true) {
    const inode = `${found.dev} ${found.ino}`;
    links.set(inode, [...(links.get(inode) ?? []), path]);
  }
}

/** Lines end with a zero byte (`-z`), so that memory that nobody has written is many short ones, and not one that grep has to hold. */
async function grep(patterns: string, files: readonly string[]): Promise<readonly [string, string][]> {
  const { stdout } = await run("grep", ["-zaoFH", "--null", "-f", patterns, "--", ...files], {
    maxBuffer: MAX_SAID_BYTES,
    env: { LC_ALL: "C" },
  }).catch((error: { code: number; stdout: string; stderr: string }) => {
    // Files that went in the meantime were of something that was on its way.
    if (error.code === 1 || /^(grep: .*: No such file or directory\n)+$/.test(error.stderr)) return error;
    throw error;
  });
  const parts = stdout.split("\0");
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) pairs.push([parts[at] ?? "", parts[at + 1] ?? ""]);
  return pairs;
}
