import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** In a process of its own, whose garbage is nobody else's. */
const PROGRAM = `
  import { setTimeout as sleep } from "node:timers/promises";
  import { releaseHeap } from ${JSON.stringify(new URL("./heap-release.ts", import.meta.url).href)};
  const mib = () => process.memoryUsage().heapTotal / 2 ** 20;
  let kept = Array.from({ length: 60_000 }, (_, at) => ({ at, text: "x".repeat(500) + at }));
  kept.forEach(({ text }) => Buffer.from(text));
  kept = undefined;
  const grown = mib();
  const ended = new AbortController();
  if (process.argv[1] === "release") void releaseHeap(ended.signal, 50);
  for (let tries = 0; tries < 80 && mib() > grown / 2; tries += 1) await sleep(25);
  ended.abort();
  console.log(JSON.stringify({ grown, left: mib() }));
`;

async function run(word: string): Promise<{ readonly grown: number; readonly left: number }> {
  const args = ["--conditions=development", "--input-type=module", "-e", PROGRAM, word];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as { readonly grown: number; readonly left: number };
}

test("a process at rest gives back what its work took, which it would not by itself", async () => {
  const [released, kept] = [await run("release"), await run("keep")];
  expect(released.left).toBeLessThan(released.grown / 2);
  expect(kept.left).toBeGreaterThan(kept.grown * 0.8);
});
