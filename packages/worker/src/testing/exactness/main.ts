/**
 * Plays as many rounds of memory-tree.ts as one likes: `node --conditions=development packages/worker/src/testing/exactness/main.ts
 * --rounds 1000 [--seed N]`, as root.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { MemoryTree } from "./memory-tree.ts";

const DEFAULT_ROUNDS = "1000";

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { rounds: { ...text, default: DEFAULT_ROUNDS }, seed: text } });
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? randomInt(2 ** 30));

await using tree = await MemoryTree.grow(seed);
for (let round = 1; round <= rounds; round++) {
  try {
    await tree.play();
  } catch (error) {
    process.stdout.write(`failed in round ${round} of seed ${seed}: ${tree.history.join(", ")}\n`);
    throw error;
  }
}
process.stdout.write(`${rounds} rounds of seed ${seed}: ${JSON.stringify(tree.counts)}\n`);
