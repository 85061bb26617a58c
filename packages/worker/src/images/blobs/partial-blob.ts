/** A blob on its way to the disk: its digest is taken while it arrives, and it gets its name only when that is the right one. */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "../../files/durable.ts";
import { digestFromHex } from "../digest.ts";

const READ_BYTES = 1024 * 1024;
/** How much is written between two looks at the room that there is. */
const LOOK_EVERY_BYTES = 16 * 1024 * 1024;
const MODE = 0o600;

export class PartialBlob {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #requireRoom: () => Promise<void>;
  #hash: Hash = createHash("sha256");
  #bytes = 0;
  #bytesUntilLook = 0;

  /** Goes on with what is in the file, which is read once for its digest. `requireRoom` rejects when nothing more is to be written. */
  static async open(path: string, requireRoom: () => Promise<void> = async () => {}): Promise<PartialBlob> {
    const file = await open(path, "a+", MODE);
    try {
      const partial = new PartialBlob(path, file, requireRoom);
      await partial.#readBack();
      return partial;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(path: string, file: FileHandle, requireRoom: () => Promise<void>) {
    this.#path = path;
    this.#file = file;
    this.#requireRoom = requireRoom;
  }

  /** That are there so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of what is there so far. */
  get digest(): string {
    return digestFromHex(this.#hash.copy().digest("hex"));
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#bytesUntilLook -= chunk.length;
    if (this.#bytesUntilLook < 0) {
      await this.#requireRoom();
      this.#bytesUntilLook = LOOK_EVERY_BYTES;
    }
    await this.#file.appendFile(chunk);
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  /** From nothing. */
  async restart(): Promise<void> {
    await this.#file.truncate();
    this.#hash = createHash("sha256");
    this.#bytes = 0;
  }

  /** Survives power loss under its final name, in the same folder, when this resolves. */
  async publish(to: string): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#path, to);
    await syncPath(dirname(to));
  }

  /** What arrived stays, for whoever goes on with it. */
  async keep(): Promise<void> {
    await this.#file.close();
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  async #readBack(): Promise<void> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, READ_BYTES, this.#bytes);
      if (bytesRead === 0) return;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#bytes += bytesRead;
    }
  }
}
