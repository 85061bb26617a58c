/** Asks before something is lost. */
import { UserError } from "../user-error.ts";

/** Throws a UserError on a "no", and where there is nobody to ask. */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new UserError(`${question} Nobody is there to answer`, "Pass -y to go ahead");
  const terminal = (await import("node:readline/promises")).createInterface({
    input: process.stdin,
    output: process.stderr,
  });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new UserError("Left as it is");
  } finally {
    terminal.close();
  }
}
