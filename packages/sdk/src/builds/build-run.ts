/** A build as one thing: a promise of its snapshot, and what it prints for whoever iterates over it. */
import { FastvmError } from "../errors.ts";
import type { Snapshot } from "../snapshots/snapshot.ts";
import type { Build, BuildEvent } from "./build.ts";

interface BuildCalls {
  /** Sends the context and begins the build. */
  start(): Promise<Build>;
  follow(build: Build): AsyncIterable<BuildEvent>;
  /** Resolves when it has completed. */
  wait(build: Build): Promise<Build>;
  snapshotOf(id: string): Promise<Snapshot>;
}

export class BuildRun extends Promise<Snapshot> implements AsyncIterable<BuildEvent> {
  /** Resolves when the server has taken it, and its context is there. */
  readonly begun: Promise<Build>;
  readonly #calls: BuildCalls;

  /** What `then` makes is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(calls: BuildCalls) {
    const begun = calls.start();
    super((resolve, reject) => {
      begun
        .then((build) => calls.wait(build))
        .then(({ snapshotId }) => {
          if (snapshotId === undefined) throw new FastvmError("The server told of no snapshot");
          return calls.snapshotOf(snapshotId);
        })
        .then(resolve, reject);
    });
    this.begun = begun;
    this.#calls = calls;
    // Whoever iterates is told of a failure by the last event.
    this.catch(() => undefined);
    begun.catch(() => undefined);
  }

  /** What there is, then what comes, until the build ends. Leaving the loop leaves the build alone. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BuildEvent, void, undefined> {
    yield* this.#calls.follow(await this.begun);
  }
}
