/**
 * The table as it ought to be, kept so against others on the host: changes go in one after the other,
 * and what somebody else removed or changed is put back. What it ought to contain is its owner's to say.
 */
import type { CommandShell } from "../host/command-shell.ts";
import { SerialQueue } from "../concurrency/serial-queue.ts";
import { gather } from "./gather.ts";
import { NftTable } from "./nft-table.ts";
import type { TableState } from "./read-table.ts";
import { renderBase, sharedChains, tableName } from "./render-table.ts";
import type { TableOptions } from "./render-table.ts";
import { TableWatch } from "./watch-table.ts";

interface TableOwner {
  /** All of the table, made anew, line by line. */
  readonly whole: () => Iterable<string>;
  /** Of VMs that have chains. */
  readonly indexes: () => Iterable<number>;
  /** Told when someone else changed the table, and when it could not be put back. */
  readonly onError: (error: Error) => void;
}

/** A net under the watch, which hears of changes at once. */
const CHECK_INTERVAL_MS = 30_000;
/** After the table could not be put back. */
const RETRY_MS = 1000;

export class KeptTable {
  readonly #shell: CommandShell;
  readonly #options: TableOptions;
  readonly #owner: TableOwner;
  readonly #table: NftTable;
  /** Of the chains that hold the table together. */
  readonly #ruleCounts: ReadonlyMap<string, number>;
  readonly #changes = new SerialQueue();
  #watch: TableWatch | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** It is about to be put back. */
  #isPutBackDue = false;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(shell: CommandShell, options: TableOptions, owner: TableOwner) {
    this.#shell = shell;
    this.#options = options;
    this.#owner = owner;
    this.#table = new NftTable(shell, tableName(options.instance));
    this.#ruleCounts = new Map(
      Object.entries(sharedChains(options)).map(([name, { rules }]) => [name, rules.length]),
    );
  }

  get name(): string {
    return this.#table.name;
  }

  /** Makes it when there is none. From then on it is kept. */
  async open(): Promise<void> {
    if (!(await this.#table.exists())) await this.#table.transact(renderBase(this.#options));
    // Only now: nft knows the sets of later changes by the changes that make them.
    this.#watch = new TableWatch({
      prefix: this.#shell.prefix,
      table: this.#table.name,
      onForeignChange: () => this.#putBackSoon("was changed by someone else"),
      onError: this.#owner.onError,
    });
    this.#table.watch = this.#watch;
    this.#timer = setInterval(() => void this.check(), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** After what came before, and before what comes after; so no two change it, or what it ought to contain, at once. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#changes.run(task);
  }

  /** Inside of `run`. When the table does not take the change, because someone else was there, the whole is made anew. */
  async change(text: string): Promise<void> {
    try {
      await this.#table.transact(text);
    } catch (error) {
      try {
        await this.replace(this.#owner.whole());
      } catch {
        throw error;
      }
      this.#owner.onError(new Error(`The table ${this.name} had to be made anew`, { cause: error }));
    }
  }

  /** Inside of `run`. */
  async replace(lines: Iterable<string>): Promise<void> {
    await this.#table.transact(await gather(lines));
  }

  /** What its VMs learned and how much they moved. */
  read(): Promise<TableState> {
    return this.#table.read();
  }

  list(what: readonly string[]): ReturnType<NftTable["list"]> {
    return this.#table.list(what);
  }

  counts(): ReturnType<NftTable["counts"]> {
    return this.#table.counts();
  }

  /** Whether it is as it should be, as far as can be told cheaply; else it is put back. */
  async check(): Promise<boolean> {
    const isWhole = await this.run(() => this.#table.isWhole(this.#ruleCounts, this.#owner.indexes()));
    if (!isWhole) this.#putBackSoon("was not as it should be");
    return isWhole;
  }

  /** `keep` leaves it to the VMs that run on without a daemon; else it is deleted. */
  close({ keep }: { readonly keep: boolean }): Promise<void> {
    return this.run(async () => {
      this.#isClosed = true;
      this.#watch?.stop();
      clearInterval(this.#timer);
      clearTimeout(this.#retry);
      if (!keep) await this.#table.drop();
    });
  }

  /** Once, however many notice it, and again for as long as it takes. */
  #putBackSoon(reason: string): void {
    if (this.#isPutBackDue) return;
    this.#isPutBackDue = true;
    void this.run(async () => {
      // From here on somebody else's change is one more.
      this.#isPutBackDue = false;
      clearTimeout(this.#retry);
      if (!this.#isClosed) await this.#putBack(reason);
    });
  }

  async #putBack(reason: string): Promise<void> {
    // What holds the VMs' rules together comes first: without rules of theirs they reach nothing, and all those
    // of hundreds of VMs take half a second. A table that is not ours enough to take it is replaced below.
    await this.#table.transact(renderBase(this.#options)).catch(() => undefined);
    try {
      await this.replace(this.#owner.whole());
      this.#owner.onError(new Error(`The table ${this.name} ${reason}; it was put back`));
    } catch (error) {
      this.#owner.onError(
        new Error(`The table ${this.name} ${reason} and cannot be put back`, { cause: error }),
      );
      this.#retry = setTimeout(() => this.#putBackSoon(reason), RETRY_MS);
      this.#retry.unref();
    }
  }
}
