/**
 * What is owed to a record: the last step of an operation that the database did not take. It is kept
 * with all that the operation knew, such as the reason of a failure, and done again until it succeeds.
 * A process that ends forgets it; then the worker's inventory says what became of the operation.
 */
import { FastvmError } from "@fastvm/contract";

/** Each operation on a key owes one step, and they follow one another; the worker's word makes up for what is dropped. */
const MAX_OWED_PER_KEY = 4;

type Step = () => Promise<unknown>;

/** Whether the records could not be read or written, which says nothing about the operation. */
export function isDatabaseFailure(error: unknown): boolean {
  return (
    error instanceof FastvmError && (error.code === "database_unavailable" || error.code === "out_of_disk")
  );
}

export class Owed {
  readonly #steps = new Map<string, readonly Step[]>();

  get keys(): readonly string[] {
    return [...this.#steps.keys()];
  }

  add(key: string, step: Step): void {
    this.#steps.set(key, [...(this.#steps.get(key) ?? []), step].slice(-MAX_OWED_PER_KEY));
  }

  /** In the order in which they came to be owed. Rejects while the database is away; what was not done is still owed then. */
  async pay(key: string): Promise<void> {
    for (let [step] = this.#first(key); step !== undefined; [step] = this.#first(key)) {
      try {
        await step();
      } catch (error) {
        if (isDatabaseFailure(error)) throw error;
        // Its own failure is told in the record, or the record has moved on.
      }
      this.#drop(key, step);
    }
  }

  #first(key: string): readonly [Step?] {
    const [step] = this.#steps.get(key) ?? [];
    return step === undefined ? [] : [step];
  }

  #drop(key: string, step: Step): void {
    const left = (this.#steps.get(key) ?? []).filter((other) => other !== step);
    if (left.length === 0) this.#steps.delete(key);
    else this.#steps.set(key, left);
  }
}
