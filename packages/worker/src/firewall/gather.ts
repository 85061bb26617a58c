/** Puts a long text together in turns, so that the policies of hundreds of rules, or of hundreds of VMs, hold nobody up. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Others wait for at most this and one line. */
const TURN_MS = 2;

export async function gather(lines: Iterable<string>): Promise<string> {
  const text: string[] = [];
  let began = performance.now();
  for (const line of lines) {
    text.push(line);
    if (performance.now() - began < TURN_MS) continue;
    await nextTurn();
    began = performance.now();
  }
  return text.join("");
}
