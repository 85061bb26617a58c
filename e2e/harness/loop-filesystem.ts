/** A small filesystem in a file, mounted for one test, that can be filled up without harm to the machine. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, open, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = "/var/cache/fastvm-test";
const MIB = 1024 * 1024;
const BLOCK_BYTES = 4096;
const NEARLY_FULL_MIB = 8;

const MAKE = {
  // Without blocks that only root may use: QEMU is not root, and both are to meet the same end.
  ext4: ["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0"],
  xfs: ["mkfs.xfs", "-q", "-m", "reflink=1"],
} as const;

export class LoopFilesystem implements AsyncDisposable {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
    this.folder = join(home, "mounted");
  }

  static async mount(type: keyof typeof MAKE, sizeMib: number): Promise<LoopFilesystem> {
    await mkdir(ROOT, { recursive: true });
    const made = new LoopFilesystem(await mkdtemp(join(ROOT, "disk-")));
    try {
      const image = join(made.#home, "image");
      await writeFile(image, "");
      await truncate(image, sizeMib * MIB);
      const [program, ...args] = MAKE[type];
      await run(program, [...args, image]);
      await mkdir(made.folder);
      await run("mount", ["-o", "loop", image, made.folder]);
      return made;
    } catch (error) {
      await rm(made.#home, { recursive: true, force: true });
      throw error;
    }
  }

  async freeMib(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return (bavail * bsize) / MIB;
  }

  /** Takes space until so much is left. */
  async leaveFree(mib: number): Promise<void> {
    await this.freeUp();
    const bytes = Math.floor(((await this.freeMib()) - mib) * MIB);
    if (bytes > 0) await run("fallocate", ["-l", `${bytes}`, this.#ballast]);
  }

  /** To the last block, which a reservation does not get. */
  async fill(): Promise<void> {
    await this.leaveFree(NEARLY_FULL_MIB);
    await using rest = await open(this.#ballast, "a");
    for (let bytes = MIB; bytes >= BLOCK_BYTES;) {
      try {
        await rest.write(Buffer.alloc(bytes));
        await rest.datasync();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        bytes /= 2;
      }
    }
  }

  async freeUp(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.folder, "ballast");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: a process that a failed test left must not keep the mount for ever.
    await run("umount", ["--lazy", this.folder]);
    await rm(this.#home, { recursive: true, force: true });
  }
}
