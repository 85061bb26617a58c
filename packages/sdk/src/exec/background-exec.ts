/** Commands in the background: what starts one and what is told of it. */
import type { Command, ExecExitEvent, ExecOutputEvent } from "./exec.ts";

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export interface StartExecParams {
  /** A string is run by `sh -c`. */
  readonly command: Command;
  /** Seconds after which the guest kills it. Default: never. */
  readonly timeoutSec?: number | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default `/root`. */
  readonly cwd?: string | undefined;
  /** Name or number; default root. */
  readonly user?: string | undefined;
  /** A terminal: stdin is open, stderr arrives as stdout. */
  readonly pty?: TerminalSize | undefined;
  /** Whether stdin stays open to be written to. Default false: it is empty. */
  readonly keepStdin?: boolean | undefined;
  /** How much of its newest output the VM keeps, 64 KiB to 16 MiB. Default 1 MiB. */
  readonly keepOutputBytes?: number | undefined;
}

export interface BackgroundExec {
  /** The same in the forks and snapshots of its VM. */
  readonly id: string;
  readonly vmId: string;
  /** In the guest; 0 when it could not start. */
  readonly pid: number;
  /** Of one over 8 KiB the arguments in front. */
  readonly command: readonly string[];
  readonly commandTruncated: boolean;
  readonly cwd?: string;
  readonly user?: string;
  /** With which it was started. */
  readonly pty?: TerminalSize;
  /** Whether it can be written to. */
  readonly stdinOpen: boolean;
  readonly status: "running" | "exited";
  /** 128 + n when signal n ended it, 124 when its time ran out, 126 or 127 when it could not start. */
  readonly exitCode?: number;
  readonly timedOut: boolean;
  readonly durationMs?: number;
  readonly startedAt: string;
  /** Of the first byte of output that is kept. */
  readonly firstOffset: number;
  /** How many bytes it has written, stdout and stderr together. */
  readonly endOffset: number;
  /** Where its output was when this VM was last restored: what follows is this VM's own. */
  readonly restoredOffset: number;
  /** How many restores (resumes, snapshots, forks) it has lived through. */
  readonly restores: number;
}

/** What there is of a command's output now. */
export interface ExecOutput {
  readonly stdout: string;
  readonly stderr: string;
  /** How many bytes after the offset were not kept. */
  readonly lostBytes: number;
  /** Where the next question goes on. */
  readonly nextOffset: number;
  /** When it has ended. */
  readonly exitCode?: number;
}

/** Where the output that follows stands; comes first, and whenever some was lost. */
export interface ExecPlaceEvent {
  readonly type: "place";
  readonly offset: number;
  readonly lostBytes: number;
}

export type BackgroundExecEvent = ExecPlaceEvent | ExecOutputEvent | ExecExitEvent;
