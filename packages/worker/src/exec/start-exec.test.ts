import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecEvent, ExecSession, ExecSpec } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentProcess } from "../guest-link/agent-process.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { NO_SETTING, startExec } from "./start-exec.ts";

const MIB = 1024 * 1024;

let agent: AgentProcess;
let link: GuestLink;
let folder: string;

beforeAll(async () => {
  agent = await AgentProcess.start();
  link = await agent.connect();
  folder = await mkdtemp(join(tmpdir(), "fastvm-exec-"));
}, 180_000);

afterAll(async () => {
  link?.close();
  await agent?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

type Exit = Extract<ExecEvent, { kind: "exit" }>;

interface Result {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exit: Exit;
}

async function collect(session: ExecSession): Promise<Result> {
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  let exit: Exit | undefined;
  for await (const event of session) {
    expect(exit).toBeUndefined();
    if (event.kind === "exit") exit = event;
    else output[event.kind].push(event.data);
  }
  if (exit === undefined) throw new Error("The session ended without an exit");
  return { stdout: Buffer.concat(output.stdout), stderr: Buffer.concat(output.stderr), exit };
}

function start(command: string | readonly string[], spec: Partial<ExecSpec> = {}): ExecSession {
  const argv = typeof command === "string" ? ["sh", "-c", command] : command;
  return startExec(link, { command: argv, cwd: "/", ...spec }, NO_SETTING);
}

function run(command: string | readonly string[], spec: Partial<ExecSpec> = {}): Promise<Result> {
  return collect(start(command, spec));
}

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The commands run on this machine, so their fate can be seen from here. One that nobody has reaped yet has ended all the same. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Reads the first line of output as a process id. */
async function readPid(events: AsyncIterator<ExecEvent>): Promise<number> {
  const { value } = await events.next();
  if (value?.kind !== "stdout") throw new Error(`Expected output, got ${value?.kind}`);
  return Number(Buffer.from(value.data).toString());
}

describe("a command", () => {
  test("has stdout and stderr apart, and its exit code", async () => {
    const { stdout, stderr, exit } = await run("echo out; echo err >&2; exit 7");
    expect(stdout.toString()).toBe("out\n");
    expect(stderr.toString()).toBe("err\n");
    expect(exit).toMatchObject({ exitCode: 7, timedOut: false });
    expect(exit.durationMs).toBeGreaterThan(0);
  });

  test("gives 128 and the signal's number when a signal ends it", async () => {
    expect((await run("kill -TERM $$")).exit.exitCode).toBe(143);
  });

  test("that is not there exits with 127 and says why", async () => {
    const { exit } = await run(["no-such-command-anywhere"]);
    expect(exit.exitCode).toBe(127);
    expect(exit.diagnostic).toBeTruthy();
  });

  test("that may not be executed exits with 126", async () => {
    const path = join(folder, "plain-file");
    await writeFile(path, "no program");
    expect((await run([path])).exit.exitCode).toBe(126);
  });

  test("tells its process before it prints, and the signal that ended it", async () => {
    const session = start("echo $$; kill -TERM $$");
    const pid = await session.pid;
    const { stdout, exit } = await collect(session);
    expect(stdout.toString()).toBe(`${pid}\n`);
    expect(exit).toMatchObject({ exitCode: 143, signal: 15 });
    expect((await run("exit 143")).exit).not.toHaveProperty("signal");
    expect(await start(["/no/such/program"]).pid).toBeUndefined();
  });

  test("runs in its folder", async () => {
    expect((await run(["pwd"], { cwd: folder })).stdout.toString()).toBe(`${folder}\n`);
    const inWorkdir = async (spec: Partial<ExecSpec>, workdir: string): Promise<string> =>
      (await collect(startExec(link, { command: ["pwd"], ...spec }, { env: {}, workdir }))).stdout.toString();
    expect(await inWorkdir({}, folder)).toBe(`${folder}\n`);
    expect(await inWorkdir({ cwd: "/usr" }, folder)).toBe("/usr\n");
    expect(await inWorkdir({}, `${folder}/gone`)).toBe("/root\n");
  });

  test("sees defaults, the VM's variables and its own, which win in this order", async () => {
    const session = startExec(
      link,
      { command: ["env"], cwd: "/", env: { B: "command", C: "own=1" } },
      { env: { A: "vm", B: "vm", LANG: "de" } },
    );
    const lines = (await collect(session)).stdout.toString().trim().split("\n");
    expect(lines).toEqual(expect.arrayContaining(["A=vm", "B=command", "C=own=1", "LANG=de", "HOME=/root"]));
    expect(lines.filter((line) => line.startsWith("PATH="))).toEqual([
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]);
  });

  test("with arguments larger than a frame arrives whole", async () => {
    const big = Array.from({ length: 10 }, (_, index) => String(index).repeat(100_000));
    const { stdout } = await run(["sh", "-c", 'printf %s "$@" | sha256sum', "sh", ...big]);
    expect(stdout.toString()).toContain(sha256(Buffer.from(big.join(""))));
  });

  test("that cannot be passed on is the caller's fault", () => {
    expect(() => start([])).toThrow("the command is empty");
    expect(() => start(["a\0b"])).toThrow("zero byte");
    expect(() => start("true", { env: { "A=B": "" } })).toThrow("no environment variable");
  });
});

describe("output", () => {
  test("is binary and needs no newline at its end", async () => {
    const bytes = randomBytes(3 * MIB + 17);
    const path = join(folder, "binary");
    await writeFile(path, bytes);
    const { stdout, exit } = await run(["cat", path]);
    expect(exit.exitCode).toBe(0);
    expect(stdout.equals(bytes)).toBe(true);
  });

  test("of 200 MiB is complete by its hash, with flat memory", async () => {
    const line = "0123456789abcdef0123456789abcde\n";
    const expected = createHash("sha256");
    const block = Buffer.from(line.repeat(MIB / line.length));
    for (let index = 0; index < 200; index += 1) expected.update(block);
    const before = process.memoryUsage.rss();
    let peak = before;
    const actual = createHash("sha256");
    const started = performance.now();
    let bytes = 0;
    for await (const event of start(`yes ${line.trim()} | head -c ${200 * MIB}`)) {
      if (event.kind !== "stdout") continue;
      actual.update(event.data);
      bytes += event.data.byteLength;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    const rate = bytes / MIB / ((performance.now() - started) / 1000);
    process.stdout.write(
      `stdout with hash: ${rate.toFixed(0)} MiB/s, ${((peak - before) / MIB).toFixed(0)} MiB\n`,
    );
    expect(bytes).toBe(200 * MIB);
    expect(actual.digest("hex")).toBe(expected.digest("hex"));
    expect(peak - before).toBeLessThan(150 * MIB);
  });

  test("that nobody reads stalls its own command and no other", async () => {
    const slow = start(`yes | head -c ${4 * MIB}`);
    const events = slow[Symbol.asyncIterator]();
    await events.next();
    const fast = await run(`yes fast | head -c ${20 * MIB}`);
    expect(fast.stdout.length).toBe(20 * MIB);
    let bytes = 0;
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.kind === "stdout") bytes += next.value.data.byteLength;
      else expect(next.value).toMatchObject({ kind: "exit", exitCode: 0 });
    }
    expect(bytes).toBeGreaterThan(3 * MIB);
  });

  test("kept open by a background child does not hold the exit, and the child lives on", async () => {
    const started = performance.now();
    const { stdout, exit } = await run("sleep 30 & echo $!");
    const pid = Number(stdout.toString());
    expect(exit.exitCode).toBe(0);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
  });
});

describe("stdin", () => {
  test("of 1 MiB comes back by its hash", async () => {
    const bytes = randomBytes(MIB);
    const { stdout } = await run(["cat"], { stdin: bytes });
    expect(sha256(stdout)).toBe(sha256(bytes));
  });

  test("of 16 MiB that the command does not read is thrown away with its end", async () => {
    const { stdout, exit } = await run("head -c 3; exit 5", { stdin: Buffer.alloc(16 * MIB, "a") });
    expect(stdout.toString()).toBe("aaa");
    expect(exit.exitCode).toBe(5);
  });

  test("is empty by default", async () => {
    expect((await run("cat; echo end")).stdout.toString()).toBe("end\n");
  });

  test("left open is fed until it is closed", async () => {
    const session = start("while read line; do echo got $line; done; echo end", { stdin: "open" });
    const events = session[Symbol.asyncIterator]();
    await session.writeStdin(Buffer.from("one\n"));
    const first = await events.next();
    expect(first.value?.kind === "stdout" && Buffer.from(first.value.data).toString()).toBe("got one\n");
    session.closeStdin();
    const second = await events.next();
    expect(second.value?.kind === "stdout" && Buffer.from(second.value.data).toString()).toBe("end\n");
    expect((await events.next()).value).toMatchObject({ kind: "exit", exitCode: 0 });
  });

  test("that was not left open cannot be written to", async () => {
    const session = start("true");
    await expect(session.writeStdin(Buffer.from("x"))).rejects.toMatchObject({ code: "invalid_request" });
    await collect(session);
  });
});

describe("a terminal", () => {
  test("has its size, is told a new one, and joins stderr with stdout", async () => {
    const session = start("stty size; read line; stty size; test -t 2 && echo terminal >&2", {
      pty: { cols: 100, rows: 30 },
    });
    let text = "";
    for await (const event of session) {
      if (event.kind === "stdout") text += Buffer.from(event.data).toString();
      else expect(event).toMatchObject({ kind: "exit", exitCode: 0 });
      if (text.includes("30 100") && !text.includes("typed")) {
        session.resize(120, 40);
        await session.writeStdin(Buffer.from("typed\n"));
      }
    }
    expect(text).toContain("40 120");
    expect(text).toContain("terminal");
  });
});

describe("the end of a command", () => {
  test("comes at its time limit, for the whole process group", async () => {
    const started = performance.now();
    const { stdout, exit } = await run("sleep 60 & echo $!; sleep 60", { timeoutMs: 300 });
    expect(exit).toMatchObject({ exitCode: 124, timedOut: true });
    expect(performance.now() - started).toBeLessThan(3000);
    await expect.poll(() => isAlive(Number(stdout.toString()))).toBe(false);
  });

  test("before its time limit is not a time-out", async () => {
    expect((await run("exit 3", { timeoutMs: 10_000 })).exit).toMatchObject({ exitCode: 3, timedOut: false });
  });

  test("comes when it is told to", async () => {
    const session = start("sleep 60");
    setTimeout(() => session.kill(), 50);
    expect((await collect(session)).exit).toMatchObject({ exitCode: 137, timedOut: false });
  });

  test("comes when its reader goes away", async () => {
    const events = start("echo $$; sleep 60")[Symbol.asyncIterator]();
    const pid = await readPid(events);
    expect(isAlive(pid)).toBe(true);
    await events.return?.();
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect((await events.next()).done).toBe(true);
  });

  test("comes when its client aborts, who gets the signal's reason", async () => {
    const controller = new AbortController();
    const spec = { command: ["sh", "-c", "echo $$; sleep 60"], cwd: "/" };
    const events = startExec(link, spec, NO_SETTING, { signal: controller.signal })[Symbol.asyncIterator]();
    const pid = await readPid(events);
    const reason = new Error("the client went away");
    controller.abort(reason);
    await expect(events.next()).rejects.toBe(reason);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});

test("two hundred commands run side by side", async () => {
  const results = await Promise.all(Array.from({ length: 200 }, (_, index) => run(`echo ${index}`)));
  expect(results.map((result) => Number(result.stdout.toString()))).toEqual(
    Array.from({ length: 200 }, (_, index) => index),
  );
});

describe("the link coming back", () => {
  /** An agent of its own, whose link is lost while a command runs. */
  async function withCounter(check: (agent: AgentProcess, pid: number) => Promise<void>) {
    await using own = await AgentProcess.start();
    await using first = await own.connect();
    const spec = { command: ["sh", "-c", "echo $$; exec sleep 60"], cwd: "/" };
    const events = startExec(first, spec, NO_SETTING)[Symbol.asyncIterator]();
    const pid = await readPid(events);
    first.close();
    await expect(events.next()).rejects.toMatchObject({ code: "vm_died" });
    await check(own, pid);
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  }

  test("in the same generation kills the commands of before", async () => {
    await withCounter(async (own, pid) => {
      await using second = await own.connect();
      await second.ping();
      await expect.poll(() => isAlive(pid)).toBe(false);
    });
  });

  test("in a new generation lets them run on", async () => {
    await withCounter(async (own, pid) => {
      await using second = await own.connect({ generation: Buffer.alloc(16, 2) });
      await second.ping();
      await sleep(200);
      expect(isAlive(pid)).toBe(true);
    });
  });
});

test("a detached command's output goes nowhere and does not stop it", async () => {
  await using own = await AgentProcess.start();
  const path = join(folder, "detached");
  const first = await own.connect();
  const command = ["sh", "-c", `echo up; sleep 0.3; yes | head -c ${MIB}; echo done > ${path}`];
  const events = startExec(first, { command, cwd: "/" }, NO_SETTING)[Symbol.asyncIterator]();
  await events.next();
  first.close();
  await using second = await own.connect({ generation: Buffer.alloc(16, 2) });
  await second.ping();
  await expect.poll(() => readFile(path, "utf8").catch(() => ""), { timeout: 5000 }).toBe("done\n");
});
