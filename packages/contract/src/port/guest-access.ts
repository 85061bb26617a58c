/**
 * What is asked of the guest of a running VM. All of it takes a signal: a guest answers when it likes. Without one each rejects with
 * `guest_unresponsive` when the guest has kept silent for its own bound, at most 30 s to be reached and 75 s in the midst of it.
 */
import type { Duplex } from "node:stream";
import type { VmId } from "../model/ids.ts";
import type { BackgroundExecs } from "./background-execs.ts";
import type { CallOptions } from "./call-options.ts";
import type { ExecSpec } from "./exec-spec.ts";
import type { FileAccess } from "./file-access.ts";

export interface GuestAccess extends FileAccess {
  /** Commands in the background. */
  readonly execs: BackgroundExecs;

  /**
   * Starts a command. Rejects with `vm_wrong_state` when the VM is not running, with `guest_unresponsive` when the
   * guest does not answer within the command's own `timeoutMs`. Aborted before it has resolved, the command does
   * not run or is killed; aborted later it is killed, and the session's iteration throws the signal's reason.
   */
  exec(vmId: VmId, spec: ExecSpec, options?: CallOptions): Promise<ExecSession>;

  /**
   * Connects to a TCP port as the guest of a running VM does: on its loopback, or at another address. Rejects with `vm_wrong_state` when
   * the VM is not running, else with `guest_unresponsive`, whose message has the guest's own reason if it gave one, such as ECONNREFUSED.
   * The connection breaks when the VM is paused or deleted. Signal and bound (10 s) are for the connecting only.
   */
  dial(vmId: VmId, port: number, options?: DialOptions): Promise<Duplex>;

  /**
   * Replaces the identity's `authorizedKeys` in a running VM, after the transitions that are under way. Rejects with `transfer_failed`
   * and the guest's own reason, with `vm_wrong_state` when the VM is not running. Aborted, it does not begin, or the guest has the
   * keys of before or these; the next call decides.
   */
  setAuthorizedKeys(vmId: VmId, keys: readonly string[], options?: CallOptions): Promise<void>;

  /**
   * Makes a host of the API's own URLs lead, inside a running VM, to the server for guests, whatever the VM may reach: a name by a line
   * of the guest's /etc/hosts, an address by making it the guest's own. Holds for the VM's present life at least; cheap when it was
   * done. Resolves to `false`, and nothing has changed, for a host or port that is not to be carried, such as the guest's own addresses.
   * Rejects as `setAuthorizedKeys` does, and with `conflict` for one host too many. Aborted, it may have been done; once more is no harm.
   */
  mapToLoopback(vmId: VmId, target: GuestTarget, options?: CallOptions): Promise<boolean>;
}

export interface DialOptions extends CallOptions {
  /** An address, whatever the guest reaches there. Default: its loopback, of either family. */
  readonly host?: string | undefined;
}

/** As a URL has it after parsing, an IPv6 address without its brackets. */
export interface GuestTarget {
  readonly host: string;
  readonly port: number;
}

export type ExecEvent =
  | { readonly kind: "stdout"; readonly data: Uint8Array }
  | { readonly kind: "stderr"; readonly data: Uint8Array }
  | {
      readonly kind: "exit";
      /** 128 + signal when a signal ended it, 124 when its time ran out, 126 or 127 when it could not be started. */
      readonly exitCode: number;
      readonly timedOut: boolean;
      readonly durationMs: number;
      /** That ended it, where the guest tells. */
      readonly signal?: number;
      /** Why it could not be started. */
      readonly diagnostic?: string;
    };

/**
 * A running command. Iterating yields output as the guest produces it, then exactly one `exit`, unless the VM dies, when it
 * throws. A reader that does not read slows only its own command. Ending the iteration early, or `kill`, kills the process group.
 */
export interface ExecSession extends AsyncIterable<ExecEvent> {
  /** Of its process in the guest, before anything that it prints. `undefined`: it never ran, or the guest does not tell. */
  readonly pid: Promise<number | undefined>;
  /** Resolves when there is room for more. For a session with a pty or with `stdin: "open"`. */
  writeStdin(data: Uint8Array): Promise<void>;
  closeStdin(): void;
  resize(cols: number, rows: number): void;
  /** To the process group. Without effect once the command has ended. */
  signal(number: number): void;
  kill(): void;
}
