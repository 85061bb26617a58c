/** Asks for what nobody shall read over a shoulder, or in a history of commands. */
import { Writable } from "node:stream";
import { UserError } from "../user-error.ts";

/** `otherwise`: the option by which it is read from stdin. Throws a UserError where there is nobody to ask. */
export async function askSecret(question: string, otherwise: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UserError("Nobody is there to type it", `Give it by ${otherwise}`);
  process.stderr.write(question);
  // The terminal is read key by key, so what is typed appears only where this writes it.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = (await import("node:readline/promises")).createInterface({
    input: process.stdin,
    output: nowhere,
    terminal: true,
  });
  const cancelled = new AbortController();
  terminal.on("SIGINT", () => cancelled.abort());
  try {
    return await terminal.question("", { signal: cancelled.signal });
  } catch (error) {
    if (cancelled.signal.aborted) throw new UserError("Nothing was given", undefined);
    throw error;
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
