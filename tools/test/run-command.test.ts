import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand, type CommandOptions } from "./run-command.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fastvm-run-command-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function options(over: Partial<CommandOptions> = {}): CommandOptions {
  const signal = new AbortController().signal;
  return { env: process.env, logFile: join(folder, "log"), timeoutMs: 20_000, signal, ...over };
}

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] ?? "gone";
  } catch {
    return "gone";
  }
}

test("what a command prints is kept and logged", async () => {
  const result = await runCommand(["sh", "-c", "echo out; echo err >&2"], options());
  expect(result.failure).toBeUndefined();
  expect(result.output.split("\n").toSorted()).toEqual(["", "err", "out"]);
  expect(readFileSync(join(folder, "log"), "utf8")).toBe(result.output);
});

test("a failing command says its exit code", async () => {
  expect((await runCommand(["sh", "-c", "exit 3"], options())).failure).toBe("exit code 3");
});

test("a command that there is not fails with the reason", async () => {
  expect((await runCommand(["/nowhere/at/all"], options())).failure).toMatch(
    /could not be started: .*ENOENT/,
  );
});

test("a time-out ends the command's children too", async () => {
  const script = "sleep 60 & echo $!; wait";
  const result = await runCommand(["sh", "-c", script], options({ timeoutMs: 300 }));
  expect(result.failure).toMatch(/timed out/);
  // In a container whose first process reaps nothing, what was killed stays as a zombie.
  expect(["gone", "Z"]).toContain(stateOf(Number(result.output)));
});

test("an interrupt ends the command", async () => {
  const interrupt = new AbortController();
  const running = runCommand(["sleep", "60"], options({ signal: interrupt.signal }));
  interrupt.abort();
  expect((await running).failure).toBe("interrupted");
});

test("a background process that holds the output does not hold the answer", async () => {
  const result = await runCommand(["sh", "-c", "sleep 3 & exit 0"], options());
  expect(result.failure).toBeUndefined();
});
