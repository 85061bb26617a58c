/**
 * The one module that starts processes. Detached processes outlive the daemon: they lead a session of their own and
 * hold no pipe to us but the optional channel, whose loss they must bear.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isErrno } from "../files/errno.ts";
import { CONFINE_PATH, confineArguments } from "./confine.ts";
import type { Confinement } from "./confine.ts";
import { toolEnvironment } from "./tool-environment.ts";

const SERVER_LOG = "volume-server.log";
const execFileAsync = promisify(execFile);

/** Tools print little; more than this is a runaway. */
const MAX_TOOL_OUTPUT_BYTES = 16 * 1024 * 1024;

interface DetachedSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Receives standard output and error. */
  readonly logFd: number;
  /** Folders of control groups to run in. */
  readonly groups?: readonly string[];
}

interface DetachedProcess {
  readonly pid: number;
  /** Resolves when the process has ended and was reaped. */
  readonly exited: Promise<ExitStatus>;
}

export interface ConfinedProcess {
  /** Of the program; its parent is a supervisor that tells how it ended. Absent when it could not be confined: the log says why. */
  readonly pid: number | undefined;
  /** The other end of the program's descriptor 3, a stream socket. */
  readonly channel: Socket;
  /** Resolves when the program has ended and that is recorded. */
  readonly exited: Promise<unknown>;
}

interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Pieces of what a program says before it ends; it says a line. */
const MAX_LAST_WORDS = 16;
/** The highest of the descriptors that a program has: standard error, or the channel. */
const STDERR_FD = 2;
const CHANNEL_FD = 3;

/** Starts a process that lives on without us, with no descriptor but its standard ones. Rejects when it cannot be executed. */
export async function spawnDetached(spec: DetachedSpec): Promise<DetachedProcess> {
  const groups = (spec.groups ?? []).flatMap((group) => ["--group", group]);
  const options = ["--keep", `${STDERR_FD}`, ...groups];
  const child = spawn(CONFINE_PATH, [...options, "--", spec.command, ...spec.args], {
    cwd: spec.cwd,
    env: { ...spec.env },
    detached: true,
    stdio: ["ignore", spec.logFd, spec.logFd],
  });
  const exited = whenExited(child);
  await started(child);
  child.unref();
  if (child.pid === undefined) throw new Error(`${spec.command} started without a number`);
  return { pid: child.pid, exited };
}

interface ConfinedSpec extends DetachedSpec {
  readonly confinement: Confinement;
  /** Relative to the working directory: tells, in the end, how the program ended. */
  readonly recordFile: string;
  /** Whether the program itself gets the channel. */
  readonly hasChannel: boolean;
}

/**
 * Starts a confined program under a supervisor, both of which live on without us. Whether the program can be executed shows in `exited`.
 */
export async function spawnConfined(spec: ConfinedSpec): Promise<ConfinedProcess> {
  const keep = ["--keep", `${spec.hasChannel ? CHANNEL_FD : STDERR_FD}`];
  const options = [...keep, "--record", spec.recordFile, ...confineArguments(spec.confinement)];
  const child = spawn(CONFINE_PATH, [...options, "--", spec.command, ...spec.args], {
    cwd: spec.cwd,
    env: { ...spec.env },
    detached: true,
    stdio: ["ignore", spec.logFd, spec.logFd, "pipe"],
  });
  const exited = whenExited(child);
  await started(child);
  child.unref();
  const channel = child.stdio[CHANNEL_FD];
  if (!(channel instanceof Socket)) throw new Error(`${spec.command} started without its channel`);
  // A process that is killed while we write to it must not take the daemon along.
  channel.on("error", () => undefined);
  const pid = await firstNumber(channel);
  channel.unref();
  return { pid, channel, exited };
}

/** The one line that comes before the program itself holds the channel; nothing is read of what it writes. `undefined`: it was closed. */
function firstNumber(channel: Socket): Promise<number | undefined> {
  return new Promise((resolve) => {
    const onData = (bytes: Buffer): void => settle(Number.parseInt(bytes.toString("latin1"), 10));
    const onClose = (): void => settle(undefined);
    const settle = (pid: number | undefined): void => {
      channel.off("data", onData).off("close", onClose).pause();
      resolve(pid);
    };
    channel.on("data", onData).on("close", onClose);
  });
}

function whenExited(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
}

interface ToolOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  /** Default: what all tools have. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Runs as this user, with the group of the same number. */
  readonly uid?: number;
}

/** Runs a tool to its end and returns its standard output; a failure carries its standard error. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<string> {
  const { stdout } = await execFileAsync(command, [...args], {
    timeout: options.timeoutMs,
    maxBuffer: MAX_TOOL_OUTPUT_BYTES,
    killSignal: "SIGKILL",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...(options.env ?? toolEnvironment()) },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  return stdout;
}

/** A process that serves this daemon and ends with it. */
export interface Coprocess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Rejects when it cannot be executed. */
  readonly exited: Promise<ExitStatus>;
  /** Ends it at once, with whatever it has started. */
  kill(): void;
}

/**
 * Starts a tool that is fed and read for as long as the daemon lives; with the daemon its input closes. A terminal's Ctrl-C passes it by.
 */
export function startCoprocess(command: string, args: readonly string[]): Coprocess {
  const child = spawn(command, [...args], {
    env: toolEnvironment(),
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const exited = new Promise<ExitStatus>((resolve, reject) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", reject);
  });
  // It may be gone while we write to it; `exited` tells.
  child.stdin.on("error", () => undefined);
  return { stdin: child.stdin, stdout: child.stdout, exited, kill: () => killGroup(child.pid) };
}

/** Detached, it leads a group of its own. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** The same behind a command that runs it elsewhere, such as `nsenter` with its arguments. */
export function startPrefixed(
  prefix: readonly string[],
  command: string,
  args: readonly string[] = [],
): Coprocess {
  const [wrapper, ...rest] = prefix;
  return wrapper === undefined
    ? startCoprocess(command, args)
    : startCoprocess(wrapper, [...rest, command, ...args]);
}

/** A process that serves one connection, which is its descriptor 3, and ends with it. It says "ready" on its standard output. */
export interface Serving {
  readonly port: Socket;
  /** Rejects with what it said when it ended before. */
  readonly ready: Promise<void>;
  readonly exited: Promise<unknown>;
  kill(): void;
}

export function startServing(command: string, args: readonly string[]): Serving {
  const child = spawn(CONFINE_PATH, ["--keep", `${CHANNEL_FD}`, "--", command, ...args], {
    env: toolEnvironment(),
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    detached: true,
  });
  const port = child.stdio[CHANNEL_FD];
  if (!(port instanceof Socket)) throw new Error(`${command} started without its channel`);
  port.on("error", () => undefined);
  const said: Buffer[] = [];
  child.stderr?.on("data", (bytes: Buffer) => void (said.length < MAX_LAST_WORDS && said.push(bytes)));
  const exited = whenExited(child);
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("error", reject);
    void exited.then(() => reject(new Error(`${command}: ${Buffer.concat(said).toString().trim()}`)));
  });
  ready.catch(() => undefined);
  return { port, ready, exited, kill: () => killGroup(child.pid) };
}

/** A program that serves beside a VM, in whose folder it starts, and lives on without us. What it says is in the folder's log. */
export async function spawnServer(
  command: string,
  args: readonly string[],
  { cwd, groups }: { readonly cwd: string; readonly groups: readonly string[] },
): Promise<DetachedProcess> {
  await using log = await open(join(cwd, SERVER_LOG), "a", 0o600);
  return await spawnDetached({ command, args, cwd, env: {}, logFd: log.fd, groups });
}

/** As `spawnDetached`, of a program that looks after its own descriptors, with one of ours as its 3. */
export async function spawnAround(
  spec: Omit<DetachedSpec, "groups"> & { readonly fd: number },
): Promise<DetachedProcess> {
  const child = spawn(spec.command, [...spec.args], {
    cwd: spec.cwd,
    env: { ...spec.env },
    detached: true,
    stdio: ["ignore", spec.logFd, spec.logFd, spec.fd],
  });
  const exited = whenExited(child);
  await started(child);
  child.unref();
  if (child.pid === undefined) throw new Error(`${spec.command} started without a number`);
  return { pid: child.pid, exited };
}

/** A program that says a line when it may be told to go on; with a descriptor of ours as its 3. */
interface StepwiseProcess {
  /** Rejects with what it said when it ended before. */
  readonly ready: Promise<void>;
  goOn(): void;
  /** Resolves when it ended well, else rejects with what it said. */
  readonly done: Promise<void>;
  kill(): void;
}

export function startStepwise(
  command: string,
  args: readonly string[],
  { cwd, fd }: { readonly cwd: string; readonly fd: number },
): StepwiseProcess {
  const child = spawn(command, [...args], {
    cwd,
    env: toolEnvironment(),
    stdio: ["pipe", "pipe", "pipe", fd],
    detached: true,
  });
  const said: Buffer[] = [];
  child.stderr?.on("data", (bytes: Buffer) => void (said.length < MAX_LAST_WORDS && said.push(bytes)));
  child.stdin?.on("error", () => undefined);
  const done = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command}: ${Buffer.concat(said).toString().trim()}`));
    });
  });
  done.catch(() => undefined);
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    done.then(() => reject(new Error(`${command} ended`)), reject);
  });
  return { ready, done, goOn: () => void child.stdin?.end("\n"), kill: () => killGroup(child.pid) };
}
