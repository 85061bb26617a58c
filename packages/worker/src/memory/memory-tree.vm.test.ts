import { describe, expect, test } from "vitest";
import { PagesHelper } from "./pages-helper.ts";
import { MemoryTree } from "../testing/exactness/memory-tree.ts";

/** testing/exactness/main.ts plays as many as one likes. */
const ROUNDS = 40;
/** One seed in some hundreds restores nothing in so many rounds, and goes on until it does. */
const MAX_ROUNDS = 10 * ROUNDS;

const { tracksWrites, detail } = await PagesHelper.probe();

describe("every page of what is captured and restored is what its source had", () => {
  async function play(tree: MemoryTree): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS && (round < ROUNDS || tree.counts.restores === 0); round++)
      await tree.play();
    expect(tree.counts.captures).toBeGreaterThan(ROUNDS / 5);
    expect(tree.counts.restores).toBeGreaterThan(0);
  }

  test.skipIf(!tracksWrites)(
    `where the kernel tracks writes${tracksWrites ? "" : `: skipped, ${detail}`}`,
    async () => {
      await using tree = await MemoryTree.grow(undefined);
      await play(tree);
    },
  );

  test("where it does not", async () => {
    await using tree = await MemoryTree.grow(undefined, { tracksWrites: false });
    await play(tree);
  });
});
