/** A VM's console as it goes on. The API tells its end only, so it is looked at again and again. */
import { setTimeout as sleep } from "node:timers/promises";
import { remark } from "../output/print.ts";
import type { Session } from "../session.ts";
import { newsOf, wholeCharacters } from "./console-tail.ts";
import { lastLines } from "./last-lines.ts";

const LOOK_MS = 1000;

/** Calls `tell` with the last `tail` lines, then with what comes, until the signal or the VM's deletion. */
export async function followConsole(
  { client, signal }: Session,
  vmId: string,
  tail: number | undefined,
  tell: (text: string) => Promise<void>,
): Promise<void> {
  let known = wholeCharacters((await client.vms.logs(vmId, { signal })).console);
  await tell(lastLines(known, tail));
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal });
    const now = await client.vms.logs(vmId, { signal }).catch(ifGone);
    if (now === undefined) return;
    const console = wholeCharacters(now.console);
    const { text, isGap } = newsOf(known, console);
    if (isGap) remark("fastvm: some of the console's lines before this were not kept");
    if (text !== "") await tell(text);
    known = console;
  }
}

function ifGone(error: unknown): undefined {
  if (error instanceof Error && "status" in error && error.status === 404) return undefined;
  throw error;
}
