/**
 * One after the other, each whatever became of those before it; rejects with the first error once all were tried. For
 * clearing away: what cannot go must not keep what can.
 */
export async function eachInTurn(...steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const work of steps) {
    try {
      await work();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
