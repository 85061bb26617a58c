/**
 * Builds that this process works on, some at a time: each has a VM that is busy until it ends. Who has fewer under way comes first, so
 * that an organisation with many builds does not hold up the others.
 */
import type { OrgId } from "@fastvm/contract";
import type { LiveBuild } from "./live-build.ts";

interface Waiting {
  readonly build: LiveBuild;
  readonly admit: () => void;
}

export class BuildQueue {
  readonly #maxAtOnce: number;
  readonly #builds = new Map<string, LiveBuild>();
  readonly #running = new Map<OrgId, number>();
  #waiting: readonly Waiting[] = [];
  #isClosed = false;

  constructor(maxAtOnce: number) {
    this.#maxAtOnce = maxAtOnce;
  }

  get(buildId: string): LiveBuild | undefined {
    return this.#builds.get(buildId);
  }

  get counts(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#waiting.length, running: this.#underWay() };
  }

  /** Calls `work` when it is the build's turn, and `unlessTurn` in its place when the build is to end before. */
  async run(build: LiveBuild, work: () => Promise<void>, unlessTurn: () => Promise<void>): Promise<void> {
    this.#builds.set(build.id, build);
    const { orgId } = build.record;
    try {
      if (this.#isClosed) build.ending.abort(new DaemonEnds());
      if (!(await this.#turn(build))) return await unlessTurn();
      try {
        await work();
      } finally {
        this.#count(orgId, -1);
        this.#admitNext();
      }
    } finally {
      this.#builds.delete(build.id);
    }
  }

  /** Ends all; whoever works on them brings that into the records. */
  close(): void {
    this.#isClosed = true;
    for (const { ending } of this.#builds.values()) ending.abort(new DaemonEnds());
  }

  /** `false` when the build is to end before its turn comes. */
  async #turn(build: LiveBuild): Promise<boolean> {
    const { signal } = build.ending;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { build, admit: resolve };
    this.#waiting = [...this.#waiting, waiting];
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
    this.#admitNext();
    await promise;
    if (!this.#waiting.includes(waiting)) return true;
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    return false;
  }

  #admitNext(): void {
    while (this.#waiting.length > 0 && this.#underWay() < this.#maxAtOnce) {
      const next = this.#waiting.reduce((one, other) =>
        this.#runningOf(other) < this.#runningOf(one) ? other : one,
      );
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#count(next.build.record.orgId, 1);
      next.admit();
    }
  }

  #underWay(): number {
    return [...this.#running.values()].reduce((sum, count) => sum + count, 0);
  }

  #runningOf({ build }: Waiting): number {
    return this.#running.get(build.record.orgId) ?? 0;
  }

  #count(orgId: OrgId, by: number): void {
    const count = (this.#running.get(orgId) ?? 0) + by;
    if (count === 0) this.#running.delete(orgId);
    else this.#running.set(orgId, count);
  }
}

/** Why a build ends whose daemon does. */
export class DaemonEnds extends Error {
  override readonly name = "DaemonEnds";
}
