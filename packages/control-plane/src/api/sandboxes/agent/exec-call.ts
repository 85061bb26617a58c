/** A command: `core.exec.*`. It lives no longer than its client's connection. */
import { FastvmError, type ExecEvent, type ExecSession, type ExecSpec } from "@fastvm/contract";
import { asFastvmError } from "../../../engine/engine.ts";
import type { AgentCall, AgentContext } from "./agent-context.ts";
import { bytesIn, flagIn, numberIn, textIn, textsIn } from "./payload.ts";
import type { Payload } from "./frame.ts";
import { limitsOf } from "../spec/setup.ts";

const SIGKILL = 9;
const SIGNALS = 64;
/** Of input that waits for its command; more holds the socket up. */
const MAX_WAITING_INPUT_BYTES = 8 * 1024 * 1024;
/** 128 + n: that a signal ended it, as far as guests of before tell it. */
const BY_SIGNAL = 128;

type Exit = Extract<ExecEvent, { kind: "exit" }>;

export class ExecCall implements AgentCall {
  readonly #ctx: AgentContext;
  readonly #hasPty: boolean;
  readonly #session: Promise<ExecSession | undefined>;
  /** Resolves when no frame will follow. */
  readonly ended: Promise<void>;
  #isSignalled = false;
  #isOver = false;
  #input: Promise<void> = Promise.resolve();
  #waitingBytes = 0;

  constructor(ctx: AgentContext, request: Payload) {
    this.#ctx = ctx;
    this.#hasPty = flagIn(request, "tty");
    const started = this.#start(request);
    this.#session = started;
    this.ended = started.then((session) => (session === undefined ? undefined : this.#tell(session)));
  }

  async receive(type: string, payload: Payload): Promise<void> {
    if (this.#isOver) return;
    if (type === "core.exec.stdin") return await this.#receiveInput(bytesIn(payload, "data"));
    const session = await this.#session;
    if (session === undefined) return;
    if (type === "core.exec.resize" && this.#hasPty) {
      session.resize(numberIn(payload, "cols") ?? 80, numberIn(payload, "rows") ?? 24);
    }
    if (type === "core.exec.signal") this.#signal(session, numberIn(payload, "signal") ?? 0);
  }

  #signal(session: ExecSession, number: number): void {
    if (number < 1 || number > SIGNALS) return;
    this.#isSignalled = true;
    if (number === SIGKILL) session.kill();
    else session.signal(number);
  }

  /** Empty: its end, which a terminal does not know. */
  async #receiveInput(data: Uint8Array): Promise<void> {
    if (data.length === 0 && this.#hasPty) return;
    this.#waitingBytes += data.length;
    const before = this.#input;
    this.#input = this.#write(before, data);
    if (this.#waitingBytes > MAX_WAITING_INPUT_BYTES) await Promise.race([this.#input, this.ended]);
  }

  async #write(before: Promise<void>, data: Uint8Array): Promise<void> {
    await before;
    const session = await this.#session;
    try {
      if (session === undefined) return;
      if (data.length === 0) session.closeStdin();
      else await session.writeStdin(data);
    } catch {
      // A command that takes no more of it ends by itself, and says how.
    } finally {
      this.#waitingBytes -= data.length;
    }
  }

  async #start(request: Payload): Promise<ExecSession | undefined> {
    const { engine, vmId, signal } = this.#ctx;
    try {
      return await engine.execs.start(vmId, specOf(this.#ctx, request), { signal });
    } catch (error) {
      this.#isOver = true;
      if (!signal.aborted) await this.#fail(asFastvmError(error));
      return undefined;
    }
  }

  async #tell(session: ExecSession): Promise<void> {
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    try {
      // Not waited for by output, which comes after it: a guest that does not tell resolves it with its first.
      const pid = await session.pid;
      if (pid !== undefined) await this.#ctx.send("core.exec.started", { pid });
      for await (const event of session) {
        if (event.kind === "exit") {
          await this.#end(event);
          continue;
        }
        // A character that two pieces share is in the second.
        const text = decoders[event.kind].decode(event.data, { stream: true });
        if (text !== "") await this.#ctx.print(this.#hasPty ? "output" : event.kind, text);
        await this.#ctx.send(`core.exec.${event.kind}`, { data: Buffer.from(event.data) });
      }
    } catch (error) {
      if (!this.#ctx.signal.aborted) await this.#fail(asFastvmError(error));
    } finally {
      this.#isOver = true;
    }
  }

  async #end({ exitCode, signal, diagnostic }: Exit): Promise<void> {
    if (diagnostic !== undefined) return await this.#ctx.send("core.exec.failed", failureOf(diagnostic));
    const isEnded = signal !== undefined || (this.#isSignalled && exitCode > BY_SIGNAL);
    const code = isEnded ? -1 : exitCode;
    await this.#ctx.send("core.exec.exited", { code });
  }

  async #fail({ message, field }: FastvmError): Promise<void> {
    const kind = KIND_BY_FIELD.get(field?.split(".", 1)[0] ?? "") ?? "other";
    await this.#ctx.send("core.exec.failed", { kind, errno: null, errno_name: null, message, stage: null });
  }
}

const KIND_BY_FIELD: ReadonlyMap<string, string> = new Map([
  ["command", "bad_args"],
  ["env", "bad_args"],
  ["user", "user_setup_failed"],
  ["rlimits", "resource_limit"],
  ["cwd", "bad_cwd"],
]);

function specOf(ctx: AgentContext, request: Payload): ExecSpec {
  const limits = limitsOf(limitsIn(request));
  const user = textIn(request, "user") || ctx.user;
  const cols = numberIn(request, "cols") ?? 80;
  const rows = numberIn(request, "rows") ?? 24;
  return {
    command: [textIn(request, "cmd") ?? "", ...textsIn(request, "args")],
    env: envOf(textsIn(request, "env")),
    cwd: textIn(request, "cwd") ?? ctx.cwd,
    ...(user === undefined ? {} : { user }),
    ...(limits.length === 0 ? {} : { limits }),
    ...(flagIn(request, "tty") ? { pty: { cols, rows } } : { stdin: "open" }),
  };
}

type Limit = Parameters<typeof limitsOf>[0][number];

function limitsIn(request: Payload): Limit[] {
  const limits: unknown = request["rlimits"];
  if (!Array.isArray(limits)) return [];
  return limits.map((limit: unknown) => {
    const { resource, soft, hard } = (limit ?? {}) as Readonly<Record<string, unknown>>;
    return { resource: String(resource) as Limit["resource"], soft: Number(soft), hard: Number(hard) };
  });
}

function envOf(pairs: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new FastvmError("invalid_request", "a variable is no KEY=value", { field: "env" });
    env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return env;
}

/** By the system's own words, with which the guest says why a command could not be started. */
const FAILURES: readonly (readonly [RegExp, string, number, string])[] = [
  [/No such file or directory/, "not_found", 2, "ENOENT"],
  [/Permission denied/, "permission_denied", 13, "EACCES"],
  [/Operation not permitted/, "permission_denied", 1, "EPERM"],
  [/Exec format error/, "not_executable", 8, "ENOEXEC"],
  [/Is a directory/, "not_executable", 21, "EISDIR"],
  [/Text file busy/, "not_executable", 26, "ETXTBSY"],
  [/Not a directory/, "bad_cwd", 20, "ENOTDIR"],
  [/Argument list too long/, "bad_args", 7, "E2BIG"],
  [/Cannot allocate memory/, "out_of_memory", 12, "ENOMEM"],
  [/temporarily unavailable|Too many open files/, "resource_limit", 11, "EAGAIN"],
];

function failureOf(message: string): Payload {
  const [, kind, errno, name] = FAILURES.find(([words]) => words.test(message)) ?? [];
  return { kind: kind ?? "other", errno: errno ?? null, errno_name: name ?? null, message, stage: null };
}
