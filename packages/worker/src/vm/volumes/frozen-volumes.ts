/**
 * The server of a VM's volumes over a capture. Frozen before the guest stands still, it begins no request; so what it knows is what the
 * captured guest takes it to know, and can be saved when that runs again. A VM that has no server is captured without: then its files
 * are not open any more in what is restored from it.
 */
import { step } from "@fastvm/contract";
import type { StoredFile } from "../../snapshot/manifest.ts";
import { ControlConnection } from "../../volumes/server/control.ts";
import { saveTable } from "../../volumes/server/table.ts";
import { controlSocket, isServed } from "./volume-server.ts";
import type { Vm } from "../state/vm.ts";

/** A server finishes the request that it is at, which may be one that waits for a disk; its guest runs meanwhile. */
const FREEZE_DEADLINE_MS = 5_000;

export class FrozenVolumes implements Disposable {
  readonly #vm: Vm;
  readonly #onError: (error: unknown) => void;
  #connection: ControlConnection | undefined;

  constructor(vm: Vm, onError: (error: unknown) => void) {
    this.#vm = vm;
    this.#onError = onError;
  }

  /**
   * A VM that runs on must not wait for a daemon that is gone: what is frozen for it ends with our connection. One that stays stopped is
   * not served again, or requests that its captured state knows to be still open would be done twice.
   */
  async freeze(afterwards: "continue" | "stay stopped"): Promise<void> {
    const lease = afterwards === "continue" ? { lease: "1" } : {};
    try {
      if (!(await isServed(this.#vm))) return;
      this.#connection = await ControlConnection.open(controlSocket(this.#vm), { deadlineMs: 0 });
      await this.#connection.ask("freeze", { words: lease, deadlineMs: FREEZE_DEADLINE_MS });
      await step("capture.volumes-frozen");
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Absent where it could not be had. */
  async save(folder: string): Promise<StoredFile | undefined> {
    if (this.#connection === undefined) return undefined;
    try {
      const stored = await saveTable(this.#connection, folder);
      await step("capture.volumes-saved");
      return stored;
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  /** Again for one that is thawed already. */
  async thaw(): Promise<void> {
    await this.#connection?.ask("thaw").catch((error: unknown) => this.#giveUp(error));
    this[Symbol.dispose]();
  }

  #giveUp(error: unknown): void {
    this.#onError(error);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#connection?.[Symbol.dispose]();
    this.#connection = undefined;
  }
}
