/** Choices that are the same for the same seed. */
import { seededRandom } from "../harness/seeded-random.ts";

export class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** From 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.#random() * below);
  }

  happens(probability: number): boolean {
    return this.#random() < probability;
  }

  /** `undefined` of nothing. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    const mixed: T[] = [];
    while (left.length > 0) mixed.push(...left.splice(this.below(left.length), 1));
    return mixed;
  }
}

/** Deals all cards of a name before any comes again. */
export class Decks {
  readonly #chance: Chance;
  readonly #decks = new Map<string, unknown[]>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  deal<T>(name: string, cards: readonly T[]): T {
    const deck = this.#decks.get(name) ?? [];
    const [card, ...left] = deck.length === 0 ? this.#chance.shuffled<unknown>(cards) : deck;
    this.#decks.set(name, left);
    return card as T;
  }
}
