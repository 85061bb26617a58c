/** Measures two checkouts in turns, round by round, so that what the machine does otherwise meets both. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../e2e/harness/seeded-random.ts";
import { openSide, prepareImage } from "./checkout.ts";
import { FIGURE_NAMES, measureRound } from "./round.ts";
import type { FigureName, RoundFigures } from "./round.ts";
import { compare } from "./verdict.ts";
import type { Comparison } from "./verdict.ts";

const OURS = fileURLToPath(new URL("../..", import.meta.url));
/** Of the draws only: the same samples give the same interval. */
const SEED = 1;

interface AgainstResult {
  readonly comparisons: ReadonlyMap<FigureName, Comparison>;
  readonly samples: { readonly ours: readonly RoundFigures[]; readonly theirs: readonly RoundFigures[] };
}

export async function compareWith(
  other: string,
  rounds: number,
  progress: (text: string) => void,
): Promise<AgainstResult> {
  await using stack = new AsyncDisposableStack();
  progress("building what the guests are made of");
  const theirImage = await prepareImage(resolve(other));
  const ourImage = await prepareImage(OURS);
  progress("starting two daemons of each");
  const ours = await openSide("ours", OURS, ourImage, stack);
  const theirs = await openSide("theirs", resolve(other), theirImage, stack);
  const samples = { ours: [] as RoundFigures[], theirs: [] as RoundFigures[] };
  // The first round warms every cache and does not count.
  for (let round = 0; round <= rounds; round++) {
    progress(round === 0 ? "warming up" : `round ${round} of ${rounds}`);
    // Whoever comes second finds another machine than who came first: they take turns in that, too.
    const order = round % 2 === 0 ? [ours, theirs] : [theirs, ours];
    for (const side of order) {
      const figures = await measureRound(side);
      if (round > 0) (side === ours ? samples.ours : samples.theirs).push(figures);
    }
  }
  const comparisons = new Map(
    FIGURE_NAMES.map((name) => [
      name,
      compare(
        name,
        samples.ours.map((figures) => figures[name]),
        samples.theirs.map((figures) => figures[name]),
        seededRandom(SEED),
      ),
    ]),
  );
  return { comparisons, samples };
}
