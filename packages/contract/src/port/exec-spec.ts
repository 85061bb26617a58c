/** What starts a command. */
import type { ResourceLimit } from "../model/root-setup.ts";

export interface ExecSpec {
  /** argv; the first element is looked up in PATH as execvp(3) does. */
  readonly command: readonly string[];
  /** Added to the VM's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `/root`. */
  readonly cwd?: string;
  /** Name or numeric id; default root. */
  readonly user?: string;
  /** Bytes: written, then closed. `open`: fed by `writeStdin`. Absent: stdin is empty, unless there is a pty. */
  readonly stdin?: Uint8Array | "open";
  readonly timeoutMs?: number;
  /** In place of those that every process of the VM has. */
  readonly limits?: readonly ResourceLimit[];
  /** Present: the command runs on a pseudo-terminal, stdin is open and stderr arrives as stdout. */
  readonly pty?: { readonly cols: number; readonly rows: number };
}
