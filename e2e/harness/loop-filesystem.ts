/** A small filesystem in a file, mounted for one test, that can be filled up, or lose its power, without harm to the machine. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, open, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./eventually.ts";

const run = promisify(execFile);
const ROOT = "/var/cache/fastvm-test";
const MIB = 1024 * 1024;
const BLOCK_BYTES = 4096;
const NEARLY_FULL_MIB = 8;
const UNMOUNT_MS = 30_000;
/**
 * FS_IOC_SHUTDOWN of the kernel, and its flag that not even the journal is to be written: from then on nothing reaches the disk, and all
 * that was written and not synced is lost. Perl is on every Debian, and Node has no ioctl.
 */
const SHUT_DOWN =
  "my $flags = pack('L', 2); open(DISK, '<', $ARGV[0]) && ioctl(DISK, 0x8004587d, $flags) or die $!";

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
      await writeFile(made.#image, "");
      await truncate(made.#image, sizeMib * MIB);
      const [program, ...args] = MAKE[type];
      await run(program, [...args, made.#image]);
      await mkdir(made.folder);
      await made.#mount();
      return made;
    } catch (error) {
      await rm(made.#home, { recursive: true, force: true });
      throw error;
    }
  }

  async #mount(): Promise<void> {
    await run("mount", ["-o", "loop", this.#image, this.folder]);
  }

  /** What is on the disk is what was synced, and what the kernel happened to have written. Everything else that is done there fails. */
  async cutPower(): Promise<void> {
    await run("perl", ["-e", SHUT_DOWN, this.folder]);
  }

  /** After a cut, once nobody works in it any more. */
  async bringPowerBack(): Promise<void> {
    await eventually(() => run("umount", [this.folder]), UNMOUNT_MS);
    // Mounted a second time while somebody still has it, it would be as it was.
    await eventually(async () => {
      const { stdout } = await run("losetup", ["--associated", this.#image]);
      if (stdout !== "") throw new Error(`it is in use yet: ${stdout}`);
    }, UNMOUNT_MS);
    await this.#mount();
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

  get #image(): string {
    return join(this.#home, "image");
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
