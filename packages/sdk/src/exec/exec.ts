/** Commands in a VM: what goes in, what comes back, and the body of the exec call. */
import { CommandLostError } from "../errors.ts";
import type { RequestOptions } from "../http/http-client.ts";
import { toBase64 } from "./base64.ts";

/** A string is run by `sh -c` in the VM; an array is the program and its arguments, with no shell between. */
export type Command = string | readonly string[];

export interface ExecOptions extends RequestOptions {
  /** Seconds after which the server kills the command. Default: the server's. */
  readonly timeoutSec?: number | undefined;
  /** Written to the command's stdin, which is then closed. Text is sent as UTF-8. Default: empty. */
  readonly stdin?: string | Uint8Array | undefined;
  /** Added to the VM's environment, for this command alone. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default `/root`. */
  readonly cwd?: string | undefined;
  /** Name or number of the user to run as. Default root. */
  readonly user?: string | undefined;
}

/** A command as the published package takes it, and as it goes over the wire. */
export interface ExecParams {
  readonly command: Command;
  readonly timeoutSec?: number | undefined;
  /** Base64. */
  readonly stdin?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
}

/** A finished command. Output beyond 4 MiB per stream is cut and flagged; `stream` has no such limit. */
export interface ExecResult {
  /** 128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not be started. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly durationMs: number;
}

/** Bytes as the command wrote them; one event may hold part of a line or of a character. */
export interface ExecOutputEvent {
  readonly type: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/** Always the last event, and there is exactly one. */
export interface ExecExitEvent {
  readonly type: "exit";
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly durationMs: number;
  /** Why the command could not be started, if it could not. */
  readonly diagnostic?: string;
}

export type ExecEvent = ExecOutputEvent | ExecExitEvent;

export interface ExecBody {
  readonly command: readonly string[];
  readonly timeoutSec?: number | undefined;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
}

export function isCommand(what: Command | ExecParams): what is Command {
  return typeof what === "string" || Array.isArray(what);
}

export function execBody(what: Command | ExecParams, options: ExecOptions | undefined): ExecBody {
  if (!isCommand(what)) {
    const { stdin, ...params } = what;
    return { ...params, command: argvOf(what.command), ...(stdin === undefined ? {} : { stdin }) };
  }
  const stdin = options?.stdin;
  return {
    command: argvOf(what),
    timeoutSec: options?.timeoutSec,
    env: options?.env,
    cwd: options?.cwd,
    user: options?.user,
    ...(stdin === undefined ? {} : { stdin: toBase64(asBytes(stdin)) }),
  };
}

export function argvOf(command: Command): readonly string[] {
  return typeof command === "string" ? ["sh", "-c", command] : command;
}

export function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

/** For a buffered command the answer comes when it ends, so its own limit must fit into the call's. */
const ANSWER_MARGIN_MS = 30_000;

export function execTimeoutMs(timeoutSec: number | undefined, defaultMs: number): number {
  return timeoutSec === undefined ? defaultMs : Math.max(defaultMs, timeoutSec * 1000 + ANSWER_MARGIN_MS);
}

/** What the wire adds when the command was lost after the answer's headers had been sent. */
export interface WireExecResult extends ExecResult {
  readonly error?: string;
  readonly code?: string;
}

/** Throws a CommandLostError for a command that was lost. */
export function execResultOf({ error, code, ...result }: WireExecResult): ExecResult {
  if (error !== undefined) throw new CommandLostError(code ?? "internal", error);
  return result;
}
