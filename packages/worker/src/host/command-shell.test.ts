import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CommandShell } from "./command-shell.ts";

describe("the shell for network commands", () => {
  const shells: CommandShell[] = [];
  const open = (): CommandShell => {
    const shell = new CommandShell();
    shells.push(shell);
    return shell;
  };
  afterEach(async () => {
    await Promise.all(shells.splice(0).map((shell) => shell.close()));
  });

  it("gives each script its own output, in order", async () => {
    const shell = open();
    const outputs = await Promise.all([1, 2, 3].map((n) => shell.run(`sleep 0.0${4 - n}; echo ${n}`)));
    expect(outputs).toEqual(["1\n", "2\n", "3\n"]);
  });

  it("rejects with what a failing script said, and goes on", async () => {
    const shell = open();
    await expect(shell.run("echo no such thing >&2; exit 3")).rejects.toThrow("no such thing");
    await expect(shell.run("false")).rejects.toThrow("(1)");
    expect(await shell.run("cat <<'EOF'\nstill $here\nEOF")).toBe("still $here\n");
  });

  it("a script that reads its input finds none", async () => {
    expect(await open().run("cat; echo read")).toBe("read\n");
  });

  it("starts anew when somebody has ended it, and fails what it had to do", async () => {
    const shell = open();
    const running = shell.run("kill -9 $$; sleep 5");
    const behind = shell.run("echo never");
    await expect(running).rejects.toThrow("has ended");
    await expect(behind).rejects.toThrow("has ended");
    expect(await shell.run("echo again")).toBe("again\n");
  });

  it("takes what a script that was ended had begun along with it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-shell-"));
    const shell = open();
    // The subshell lives on when its parent is ended, and would go on to the next command.
    const ended = shell.run(`kill -9 $$; sleep 1; touch ${folder}/late`);
    await expect(ended).rejects.toThrow("has ended");
    expect(await shell.run("sleep 1.5; echo again")).toBe("again\n");
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it("hands over megabytes, whole and in time", async () => {
    const shell = open();
    const [long, short] = await Promise.all([
      shell.run("head -c 20000000 /dev/zero | tr '\\0' x"),
      shell.run("echo after"),
    ]);
    expect(long).toHaveLength(20_000_000);
    expect(short).toBe("after\n");
  });

  it("rejects after it was closed", async () => {
    const shell = open();
    await shell.close();
    await expect(shell.run("true")).rejects.toThrow("has ended");
  });
});
