/**
 * The floor of a pause: a bare script stops the guest of a bare QEMU, has its devices saved while the last of its memory is scanned and
 * copied, and lets it go on. There is no disk to switch, and nothing is kept of what was copied.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Interface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { timed } from "../statistics.ts";
import type { FloorVm } from "./restore.ts";

const SCAN_AND_COPY = fileURLToPath(new URL("./scan-and-copy.py", import.meta.url));
/** As the product has it. */
const SMALL_ROUND_PAGES = 1024;
const MAX_ROUNDS = 3;

export class FloorPauses implements AsyncDisposable {
  readonly #vm: FloorVm;
  readonly #copier: ChildProcess;
  readonly #answers: Interface;
  readonly #ended: Promise<never>;

  static async begin(vm: FloorVm): Promise<FloorPauses> {
    const [start, end] = await addressesOf(vm.pid);
    const file = join(vm.folder, "pages");
    return new FloorPauses(
      vm,
      spawn("python3", [SCAN_AND_COPY, `${vm.pid}`, start, end, file], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
  }

  private constructor(vm: FloorVm, copier: ChildProcess) {
    this.#vm = vm;
    this.#copier = copier;
    if (copier.stdout === null) throw new Error("python3 has no output");
    this.#answers = createInterface(copier.stdout);
    this.#ended = once(copier, "exit").then(() => {
      throw new Error("The floor's copying ended");
    });
    this.#ended.catch(() => undefined);
  }

  /** Milliseconds from before the guest's stop until it runs again. */
  async once(): Promise<number> {
    for (let round = 0; round < MAX_ROUNDS; round++) if ((await this.#copy()) <= SMALL_ROUND_PAGES) break;
    const { monitor } = this.#vm;
    return await timed(async () => {
      await monitor.execute("stop");
      const save = monitor.execute("xen-save-devices-state", { filename: "run/state", live: false });
      await Promise.all([save, this.#copy()]);
      await monitor.execute("cont");
    });
  }

  async #copy(): Promise<number> {
    const answer = once(this.#answers, "line") as Promise<[string]>;
    this.#copier.stdin?.write("\n");
    const [pages] = await Promise.race([answer, this.#ended]);
    return Number(pages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#copier.stdin?.end();
    await this.#ended.catch(() => undefined);
  }
}

/** Of the one mapping that is the guest's memory. */
async function addressesOf(pid: number): Promise<readonly [string, string]> {
  const maps = await readFile(`/proc/${pid}/maps`, "latin1");
  const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw-p .*\/memory$/m.exec(maps) ?? [];
  if (start === undefined || end === undefined) throw new Error("The floor's QEMU has not mapped its memory");
  return [start, end];
}
