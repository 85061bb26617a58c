import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { untilStuck } from "./stuck.ts";

/** Once it has said a word. */
async function start(script: string): Promise<number> {
  const child = spawn("python3", ["-c", `print("begun", flush=True)\n${script}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  if (child.pid === undefined) throw new Error("python3 did not start");
  return child.pid;
}

const SLEEP = "import time\ntime.sleep(60)";
const SPIN = "while True: pass";
const SPIN_ASIDE = `
import threading
def spin():
    while True: pass
threading.Thread(target=spin).start()
threading.Event().wait()`;

const bounds = { idleMs: 100, limitMs: 500, lookEveryMs: 10 };
const look = async (pid: number): Promise<string> =>
  await untilStuck(pid, bounds, new AbortController().signal);

test("who waits for nothing of the host is stuck, and who was stopped or is gone", async () => {
  expect(await look(await start(SLEEP))).toBe("it did nothing for 100 ms");
  const stopped = await start(SPIN);
  process.kill(stopped, "SIGSTOP");
  expect(await look(stopped)).toBe("it did nothing for 100 ms");
  expect(await look(2 ** 22)).toBe("it did nothing for 100 ms");
});

test.each([SPIN, SPIN_ASIDE])(
  "who works, or is in line for a processor, is not, up to a limit: %s",
  async (script) => {
    expect(await look(await start(script))).toBe("it was not done after 500 ms");
  },
);

/** Has used up the descriptors that it may have when it looks. */
const OUT_OF_FILES = `
const { untilStuck } = await import(process.argv[1]);
const { openSync } = await import("node:fs");
const { signal } = new AbortController();
await untilStuck(2 ** 22, { idleMs: 1, limitMs: 100, lookEveryMs: 1 }, signal);
try { for (;;) openSync("/dev/null"); } catch {}
process.stdout.write(await untilStuck(Number(process.argv[2]), ${JSON.stringify(bounds)}, signal));`;

test("who cannot be looked at is none that does nothing", async () => {
  const node = [process.execPath, "--input-type=module", "--conditions=development", "-e", OUT_OF_FILES];
  const module = new URL("./stuck.ts", import.meta.url).href;
  const args = ["--nofile=64", ...node, module, String(await start(SLEEP))];
  expect((await promisify(execFile)("prlimit", args)).stdout).toBe("it was not done after 500 ms");
});

test("nobody is told who asked to stop", async () => {
  const asked = new AbortController();
  const told = untilStuck(await start(SLEEP), bounds, asked.signal);
  asked.abort();
  await expect(told).rejects.toThrow(/aborted/);
});
