/** Notices when someone else changes the table. Listens to what the kernel announces; our own transactions carry a signature. */
import { startPrefixed } from "../processes/spawn.ts";
import type { Coprocess } from "../processes/spawn.ts";
import { OWN_CHANGES } from "./render-table.ts";

interface WatchOptions {
  /** What to put before `nft`, to run it elsewhere. */
  readonly prefix: readonly string[];
  readonly table: string;
  /** Called at once, then once for several changes at a time, and whenever changes may have been missed. */
  readonly onForeignChange: () => void;
  readonly onError: (error: Error) => void;
}

/** The first change is told at once, since nothing may stop the VMs just now; who goes on changing is followed at this pace. */
const PAUSE_MS = 250;
const RESTART_MS = 1000;
/**
 * Without a quiet time between. More may mean that this nft has missed a set, and takes
 * our signatures for others' changes: a new one knows all there are.
 */
const MAX_REPORTS = 20;
const QUIET_MS = 5000;
/** Of one announcement: the elements of a large set are one line. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;

/** nft has no use for its input, but ours closes with the daemon, and then nobody reads. */
const MONITOR = `exec 3<&0 2>/dev/null
nft monitor </dev/null &
monitor=$!
{ read -r _ <&3; kill $monitor; } &
wait $monitor`;

export class TableWatch {
  readonly #options: WatchOptions;
  #process: Coprocess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reportedAt = -Infinity;
  #reports = 0;
  #rest = "";
  #touches = false;
  /** The mark with which the transaction that is being read is signed. */
  #ownMark: string | undefined;
  #awaited: { readonly mark: string; readonly resolve: () => void } | undefined;
  #isStopped = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#start();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#process?.stdin.end();
  }

  /** Resolves when the kernel tells of the transaction that is signed with the mark; perhaps never. For one at a time. */
  announced(mark: string): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { mark, resolve };
    });
  }

  #start(): void {
    const process = startPrefixed(this.#options.prefix, "sh", ["-c", MONITOR]);
    this.#process = process;
    this.#rest = "";
    process.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    process.exited.then(
      () => this.#ended(new Error("nft monitor has ended")),
      (error: unknown) => this.#ended(new Error("nft monitor cannot be started", { cause: error })),
    );
  }

  #ended(error: Error): void {
    this.#process?.stdin.end();
    if (this.#isStopped) return;
    this.#options.onError(error);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#start();
      this.#report();
    }, RESTART_MS);
    this.#timer.unref();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    // A line that is too long can only be ours or theirs; without its end it counts as theirs, and the table is put back.
    if (this.#rest.length > MAX_LINE_LENGTH) this.#rest = "";
    for (const line of lines) this.#readLine(line);
  }

  /** A transaction is a line for each of its changes and one with the number of the ruleset that they make. */
  #readLine(line: string): void {
    const { table } = this.#options;
    if (line.startsWith("# new generation")) {
      if (this.#touches && this.#ownMark === undefined) this.#report();
      if (this.#awaited?.mark === this.#ownMark) this.#awaited?.resolve();
      this.#touches = false;
      this.#ownMark = undefined;
    } else if (line.includes(` ${table} ${OWN_CHANGES} {`) && line.startsWith("add element")) {
      this.#ownMark = /\{ 0x([0-9a-f]+)/.exec(line)?.[1] ?? "";
      this.#touches = true;
    } else if (line.includes(` ${table}`)) {
      this.#touches = true;
    }
  }

  #report(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, this.#reportedAt + PAUSE_MS - performance.now());
    this.#timer = setTimeout(() => {
      const now = performance.now();
      this.#reports = now - this.#reportedAt > QUIET_MS ? 1 : this.#reports + 1;
      this.#reportedAt = now;
      this.#options.onForeignChange();
      if (this.#reports > MAX_REPORTS) {
        this.#reports = 0;
        this.#process?.stdin.end();
      }
    }, waitMs);
    this.#timer.unref();
  }
}
