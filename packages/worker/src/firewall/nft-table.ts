/** One nftables table of ours, as nft changes and lists it. What it should contain is not decided here. */
import { randomBytes } from "node:crypto";
import type { CommandShell } from "../host/command-shell.ts";
import { readSets, setsCommand } from "./counters.ts";
import { parseListing, readTable } from "./read-table.ts";
import type { TableState } from "./read-table.ts";
import { learnedSet } from "./render-rules.ts";
import { COUNTER_SETS, dropTable, signature } from "./render-table.ts";
import type { TableWatch } from "./watch-table.ts";

const MISSING = /No such file or directory/;

export class NftTable {
  readonly name: string;
  readonly #shell: CommandShell;
  #watch: TableWatch | undefined;

  /** `name` has its family: `inet fastvm_123abc`. */
  constructor(shell: CommandShell, name: string) {
    this.#shell = shell;
    this.name = name;
  }

  /** Who hears of transactions before nft ends. */
  set watch(watch: TableWatch) {
    this.#watch = watch;
  }

  /**
   * All of it or nothing. In force when it resolves: nft may still wait then, for as long
   * again, until the kernel has freed what was deleted.
   */
  async transact(text: string): Promise<void> {
    const mark = randomBytes(4).toString("hex");
    const ended = this.#run(text + signature(this.name, mark));
    await (this.#watch === undefined ? ended : Promise.race([ended, this.#watch.announced(mark)]));
  }

  async drop(): Promise<void> {
    await this.#run(dropTable(this.name));
  }

  /** `what` are chains, sets or maps of the table, such as `set sent`. */
  async list(what: readonly string[]): Promise<ReturnType<typeof parseListing>> {
    // One process for each: what nft fetches for the first list of several, it leaves out for the others.
    const commands = what.map((item) => {
      const [kind = "", name = ""] = item.split(" ");
      // With numbers as numbers: the host may have names for some marks.
      return `nft -j -n list ${kind} ${this.name} ${name}`;
    });
    return parseListing(await this.#shell.run(commands.join(" && ")));
  }

  /** Of the counting sets. nft would print all elements of all sets, of which guests fill some. */
  async counts(): Promise<ReturnType<typeof readSets>> {
    return readSets(await this.#shell.run(setsCommand(this.name, COUNTER_SETS)));
  }

  async exists(): Promise<boolean> {
    const tables = await this.#shell.run("nft list tables inet").catch(() => "");
    return tables.split("\n").includes(`table ${this.name}`);
  }

  /** What its VMs learned and how much they moved; of a table that is not there, nothing. */
  async read(): Promise<TableState> {
    try {
      const sets = [...COUNTER_SETS, learnedSet(4), learnedSet(6)];
      return readTable(await this.list(sets.map((set) => `set ${set}`)));
    } catch (error) {
      if (error instanceof Error && MISSING.test(error.message)) return readTable([]);
      throw error;
    }
  }

  /** Looks only at what holds the rest together: listing the rules of hundreds of VMs takes long. */
  async isWhole(ruleCounts: ReadonlyMap<string, number>, indexes: Iterable<number>): Promise<boolean> {
    try {
      const chains = [...ruleCounts.keys()].map((name) => `chain ${name}`);
      const state = readTable(await this.list([...chains, "map egress_of"]));
      const hasRules = [...ruleCounts].every(([name, count]) => state.ruleCounts.get(name) === count);
      return hasRules && [...indexes].every((index) => state.indexes.has(index));
    } catch {
      return false;
    }
  }

  async #run(text: string): Promise<void> {
    await this.#shell.run(`nft -f - <<'EOF'\n${text}EOF`);
  }
}
