/**
 * Commands in the background. One belongs to its VM and to nobody else: it outlives whoever started it, the daemon, and
 * every pause, snapshot and fork, whose VMs have it from the same instant on. Its newest output and its end are kept in
 * the guest.
 */
import type { VmId } from "../model/ids.ts";
import type { CallOptions } from "./call-options.ts";
import type { ExecSpec } from "./exec-spec.ts";

/** Every method rejects with `not_found` when the VM has no command of that id, with `vm_wrong_state` when it does not run. */
export interface BackgroundExecs {
  /**
   * Starts a command under an id that the caller chose. One that cannot be started has ended with 126 or 127 and says why
   * as its output. Rejects with `conflict` when the id is taken, with `out_of_capacity` when too many run. Aborted, it may
   * run all the same; its id tells.
   */
  start(vmId: VmId, execId: string, spec: BackgroundSpec, options?: CallOptions): Promise<void>;

  /** In the order in which they were started; those that ended long ago are forgotten. */
  list(vmId: VmId, options?: CallOptions): Promise<readonly ExecState[]>;

  get(vmId: VmId, execId: string, options?: CallOptions): Promise<ExecState>;

  /**
   * Output from an offset on, as it is kept, then as it comes, then exactly one `exit`; with `follow: false` it ends where
   * output ends now. A reader that is too slow for what is kept is told by an `at` where it goes on; the first event is
   * one. Nothing a reader does touches the command.
   */
  attach(
    vmId: VmId,
    execId: string,
    from: OutputFrom,
    options?: CallOptions,
  ): Promise<AsyncIterable<AttachEvent>>;

  /**
   * Resolves when the command's pipe or terminal has taken all of it. Rejects with `conflict` when it takes no more.
   * Aborted, a part may have been taken.
   */
  writeStdin(vmId: VmId, execId: string, input: ExecInput, options?: CallOptions): Promise<void>;

  /** To the whole process group. `false` when it had ended. */
  signal(vmId: VmId, execId: string, signal: number, options?: CallOptions): Promise<boolean>;

  /** Rejects with `conflict` for a command without a terminal, or one that has ended. */
  resize(vmId: VmId, execId: string, size: TerminalSize, options?: CallOptions): Promise<void>;

  /** Kills what runs of it, and forgets it. */
  remove(vmId: VmId, execId: string, options?: CallOptions): Promise<void>;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** `stdin` is `open` or absent. The guest itself keeps the time limit. */
export interface BackgroundSpec extends ExecSpec {
  readonly stdin?: "open";
  /** How much of the output is kept; default 1 MiB. */
  readonly keepBytes?: number;
}

export interface OutputFrom {
  /** Of a byte in all the output there was, stdout and stderr together; beyond its end: from now on. */
  readonly offset: number;
  readonly follow: boolean;
}

export interface ExecInput {
  readonly data: Uint8Array;
  /** Whether stdin is closed behind it. */
  readonly closes: boolean;
}

export type AttachEvent =
  | { readonly kind: "at"; readonly offset: number }
  | { readonly kind: "stdout" | "stderr"; readonly data: Uint8Array }
  | ({ readonly kind: "exit" } & ExecEnd);

export interface ExecEnd {
  /** As of `ExecEvent`. */
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

export interface ExecState {
  readonly execId: string;
  /** 0 when it could not be started. */
  readonly pid: number;
  /** As it was asked for. Of a very long one the arguments in front. */
  readonly command: readonly string[];
  readonly isCut: boolean;
  readonly cwd?: string;
  readonly user?: string;
  /** With which it was started. */
  readonly pty?: TerminalSize;
  /** Whether stdin can be written to. */
  readonly takesStdin: boolean;
  /** By the guest's clock, since 1970. */
  readonly startedAtMs: number;
  /** Absent while it runs. */
  readonly end?: ExecEnd;
  readonly output: {
    /** Of the first byte that is kept. */
    readonly firstOffset: number;
    readonly endOffset: number;
    /** Where it was at the last restore of the VM, be it a resume or the birth of a fork: what follows is this VM's own. 0 without one. */
    readonly restoredOffset: number;
  };
  /** How many restores of the VM it has lived through. */
  readonly restores: number;
}
