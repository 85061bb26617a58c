/**
 * A QEMU of another version and another build than the installed one: its binary and its module with these two
 * changed, in a folder of its own. Module and binary of two builds refuse each other, as those of two packages do.
 */
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findQemuProgram } from "../qemu/qemu-program.ts";
import { FIRMWARE, QEMU_BINARY, TCG_MODULE } from "../qemu/qemu-set.ts";
import { readQemuVersion } from "../qemu/qemu-version.ts";

const STAMP = /qemu_stamp_[0-9a-f]{40}/;

interface OtherQemu {
  /** Of its binary. */
  readonly path: string;
  readonly stamp: string;
}

export async function makeOtherQemu(folder: string): Promise<OtherQemu> {
  const installed = await findQemuProgram(QEMU_BINARY);
  const [number = ""] = /^[\d.]+/.exec(await readQemuVersion(installed.path)) ?? [];
  // Of the same length: nothing in the file moves.
  const other = number.replace(/^\d/, "9");
  const path = join(folder, "bin", QEMU_BINARY);
  const module = join(folder, "lib/x86_64-linux-gnu/qemu", TCG_MODULE);
  const share = join(folder, "share/qemu");
  for (const each of [dirname(path), dirname(module), share]) await mkdir(each, { recursive: true });
  const stamp = await rewrite(installed.path, path, (text) => text.replaceAll(number, other));
  if (installed.moduleFolder) await rewrite(join(installed.moduleFolder, TCG_MODULE), module);
  // The first folder that has a file counts, as QEMU searches.
  for (const firmware of installed.firmwareFolders.toReversed()) {
    for (const file of FIRMWARE)
      await copyFile(join(firmware, file), join(share, file)).catch(() => undefined);
  }
  return { path, stamp };
}

/** Returns the stamp that it now has. */
async function rewrite(
  from: string,
  to: string,
  change: (text: string) => string = (text) => text,
): Promise<string> {
  const text = (await readFile(from)).toString("latin1");
  const [stamp = ""] = STAMP.exec(text) ?? [];
  const other = sameHash(stamp);
  await writeFile(to, change(text).replaceAll(stamp, other), "latin1");
  await chmod(to, 0o755);
  return other;
}

/**
 * Another name that the dynamic linker's table of hashes leads to as well: h = 33 h + c,
 * so of two characters in a row the first may be one more if the second is 33 less.
 */
function sameHash(name: string): string {
  const at = name.search(/[0-9a-f][a-f](?!.*_)/);
  const [first = 0, second = 0] = Buffer.from(name.slice(at, at + 2), "latin1");
  return name.slice(0, at) + String.fromCharCode(first + 1, second - 33) + name.slice(at + 2);
}
