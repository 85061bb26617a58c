/** Fresh overlays. qemu-img makes one per disk size and daemon; each VM gets a copy, which is 192 KiB and takes no process. */
import { chown, copyFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { runTool } from "../processes/spawn.ts";

const QEMU_IMG_TIMEOUT_MS = 30_000;

export class OverlayFactory {
  readonly #folder: string;
  readonly #patterns = new Map<number, Promise<string>>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `folder` is this factory's own. What an earlier daemon has left there goes: it may be half made, by that daemon or by a power cut. */
  static async open(folder: string): Promise<OverlayFactory> {
    await rm(folder, { recursive: true, force: true });
    return new OverlayFactory(folder);
  }

  /** Makes an empty overlay of a disk of `bytes` at `path`, writable by `uid` alone. */
  async create(path: string, bytes: number, uid: number): Promise<void> {
    let pattern = this.#patterns.get(bytes);
    if (pattern === undefined) {
      pattern = this.#makePattern(bytes);
      this.#patterns.set(bytes, pattern);
      pattern.catch(() => this.#patterns.delete(bytes));
    }
    await copyFile(await pattern, path);
    await chown(path, uid, uid);
  }

  async #makePattern(bytes: number): Promise<string> {
    await makeClosedFolder(this.#folder);
    const path = join(this.#folder, `${bytes}.qcow2`);
    await runTool("qemu-img", ["create", "-q", "-f", "qcow2", `${path}.new`, `${bytes}`], {
      timeoutMs: QEMU_IMG_TIMEOUT_MS,
    });
    await rename(`${path}.new`, path);
    return path;
  }
}
