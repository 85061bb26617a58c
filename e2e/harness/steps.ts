/** Says at which step of an operation a test daemon ends, fails or stands still, and which steps it has passed. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StepName } from "@fastvm/contract";
import { ORDER_FILE, PASSED_FILE, REACHED_FILE, RELEASED_FILE } from "@fastvm/daemon";
import type { StepOrder } from "@fastvm/daemon";
import { eventually } from "./eventually.ts";

/** The slowest is the end of a template: half a minute, on a busy machine some. */
const REACH_DEADLINE_MS = 120_000;

/** Of images that are made of Dockerfiles, and of snapshots that are made of those. */
export function isOfBuilds(name: StepName): boolean {
  return /^(control\.)?build\./.test(name);
}

export class Steps {
  /** For the daemon's setting `stepsFolder`. */
  readonly folder: string;

  static async make(): Promise<Steps> {
    return new Steps(await mkdtemp("/var/cache/fastvm-test/steps-"));
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Replaces the order there was, reached or not. */
  async order(order: StepOrder): Promise<void> {
    await this.clear();
    await writeFile(this.#path("next.json"), JSON.stringify(order));
    // In one step: the daemon may read at any time.
    await rename(this.#path("next.json"), this.#path(ORDER_FILE));
  }

  async clear(): Promise<void> {
    for (const file of [ORDER_FILE, REACHED_FILE, RELEASED_FILE]) await rm(this.#path(file), { force: true });
  }

  get isReached(): boolean {
    return existsSync(this.#path(REACHED_FILE));
  }

  /** At which step the order was carried out. Other calls pass theirs meanwhile, also while one stands still. */
  async reached(deadlineMs = REACH_DEADLINE_MS): Promise<StepName> {
    return await eventually(async () => {
      if (!this.isReached) throw new Error(`the step was not reached: ${await this.#ordered()}`);
      return (await readFile(this.#path(REACHED_FILE), "utf8")) as StepName;
    }, deadlineMs);
  }

  /** Lets the call stand still at a step, does the work, and lets it go on, whatever came of the work. */
  async whileStalled<T>(
    order: Omit<StepOrder, "effect">,
    call: () => Promise<T>,
    work: (at: StepName) => Promise<void>,
  ): Promise<T> {
    await this.order({ ...order, effect: "stall" });
    const stall = async (): Promise<void> => {
      try {
        await work(await this.reached());
      } finally {
        await this.release();
      }
    };
    // Together: when one fails the other is not left to fail by itself.
    const [answer] = await Promise.all([call(), stall()]);
    return answer;
  }

  /** Lets a daemon that stands still go on. */
  async release(): Promise<void> {
    await writeFile(this.#path(RELEASED_FILE), "");
  }

  /** All that were passed since `forget`, in order. */
  async passed(): Promise<readonly StepName[]> {
    const text = await readFile(this.#path(PASSED_FILE), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "") as StepName[];
  }

  async forget(): Promise<void> {
    await rm(this.#path(PASSED_FILE), { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #ordered(): Promise<string> {
    return await readFile(this.#path(ORDER_FILE), "utf8");
  }

  #path(file: string): string {
    return join(this.folder, file);
  }
}
