/** Help, manual and completion say the same, and what they show as an example is right. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, describe, expect, it } from "vitest";
import { separateRemoteCommand } from "../command-line/remote-command.ts";
import { buildProgram } from "../program.ts";
import { FakeApi } from "../testing/fake-api.ts";
import { envFor } from "../testing/run-cli.ts";
import { capture } from "../testing/run-here.ts";
import { EXAMPLES, wordsOf } from "./examples.ts";
import { manualPages } from "./manual.ts";

const TABLE = new URL("../../../../docs/COMMANDS.md", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "fastvm-man-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * What cannot be tried on the fake API: it has no such resources or no such files, or the command is the daemon's, waits, or needs a
 * terminal or ssh.
 */
const ONLY_READ = new RegExp(
  "^(serve|daemon|doctor|backup|restore|quarantine|org|key|image|system|build|volume|bucket|registry|login|logout|context|config|ssh|" +
    "ssh-key|attach|events|webhook|kill|cp|diff|port|console|vm console|machine|man)( |$)",
);

/** Of the commands that can be run, with their paths; a group that runs nothing by itself has none. */
function leaves(command: Command, path: readonly string[] = []): readonly (readonly string[])[] {
  const own = command.commands.length === 0 ? [path] : [];
  return [...own, ...command.commands.flatMap((child) => leaves(child, [...path, child.name()]))];
}

const PATHS = leaves(await buildProgram())
  .map((path) => path.join(" "))
  .filter((path) => !path.startsWith("__") && !path.startsWith("machine "));

describe("examples", () => {
  it("are there for every command, and for none that is not", () => {
    expect(PATHS.filter((path) => (EXAMPLES[path] ?? []).length === 0)).toEqual([]);
    expect(Object.keys(EXAMPLES).filter((path) => !PATHS.includes(path))).toEqual([]);
  });

  it.each(Object.values(EXAMPLES).flat())("fastvm %s can be read", async (line) => {
    const program = await buildProgram();
    const reached: Command[] = [];
    const silence = (command: Command): void => {
      command.action(() => void reached.push(command));
      for (const child of command.commands) silence(child);
    };
    silence(program);
    await program.parseAsync(separateRemoteCommand(program, wordsOf(line)), { from: "user" });
    expect(reached.map((command) => command.name())).toHaveLength(1);
  });

  it("do what they say, each in turn on VMs that are there", async () => {
    const lines = Object.values(EXAMPLES)
      .flat()
      .filter((line) => !ONLY_READ.test(line));
    expect(lines.length).toBeGreaterThan(30);
    for (const line of new Set(lines)) {
      await using api = await FakeApi.start();
      api.addVm({ name: "dev", metadata: {} });
      api.addSnapshot({ name: "ready" });
      const { exitCode, stderr } = await capture(wordsOf(line), envFor(api));
      expect({ line, exitCode, stderr }).toMatchObject({ exitCode: 0 });
    }
  });
});

describe("the manual", () => {
  it("has a page of every command that help lists, which groff takes without a word", async () => {
    const { exitCode, stdout } = await capture(["man", "--all", folder], {});
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("pages in") });
    const names = readdirSync(folder);
    expect(names).toEqual(
      expect.arrayContaining(PATHS.map((path) => `fastvm-${path.replaceAll(" ", "-")}.1`)),
    );
    if (!existsSync("/usr/bin/groff")) return;
    const pages = names.map((name) => join(folder, name));
    const answer = execFileSync("sh", ["-c", 'groff -man -Tutf8 -ww -b -z "$@" 2>&1', "sh", ...pages]);
    expect(answer.toString()).toBe("");
  });

  it("shows options, examples and what begins like a request as they are", async () => {
    const { stdout } = await capture(["man", "vm", "exec"], {});
    expect(stdout).toContain(String.raw`.B \-w, \-\-cwd <folder>`);
    expect(stdout).toContain(String.raw`fastvm exec dev uname \-a`);
    expect(stdout.split("\n").filter((line) => /^[.'](?!TH|SH|TP|B |nf|fi)/.test(line))).toEqual([]);
    expect((await capture(["man", "nope"], {})).stderr).toContain("fastvm --help");
    const pages = manualPages(await buildProgram());
    for (const option of ["--format", "--json", "--api-key"])
      expect(pages.get("fastvm-ls.1")).toContain(option.replaceAll("-", String.raw`\-`));
  });
});

it("the table of others' verbs names commands that are there", async () => {
  const rows = readFileSync(TABLE, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| "));
  const ours = rows.slice(2).flatMap((row) => [...(row.split("|")[3] ?? "").matchAll(/`fastvm ([^`]+)`/g)]);
  expect(ours.length).toBeGreaterThan(40);
  const program = await buildProgram();
  const known = (words: readonly string[]): boolean => {
    let command: Command = program;
    for (const word of words) {
      const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (child === undefined) return command !== program && command.commands.length === 0;
      command = child;
    }
    return true;
  };
  const commands = ours.map(([, line = ""]) => line.split(" ").filter((word) => /^[a-z][a-z-]*$/.test(word)));
  expect(commands.filter((words) => !known(words))).toEqual([]);
});
