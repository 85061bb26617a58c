/**
 * What a VM's guest says of its processors, memory, disk and processes. Looking is no use of the VM: whoever watches it does not keep it
 * awake. Read by a line of its shell, as images of all kinds have one; what a guest says is its own word.
 */
import { FastvmError, type VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";
import { parseFigures, type Figures } from "./parse-figures.ts";

/** A guest that is in trouble answers later or not at all; another look comes. */
const LIMIT_MS = 10_000;
/** Of a guest with a thousand processes it is a tenth of this. */
const MAX_BYTES = 4 * 2 ** 20;
const LOOK = "cat /proc/stat /proc/meminfo; df -Pk / 2>/dev/null | tail -n 1";
const LOOK_AT_PROCESSES = `${LOOK}; cat /proc/[0-9]*/stat 2>/dev/null; true`;

interface LookOptions {
  readonly processes: boolean;
  readonly signal: AbortSignal;
}

export class GuestFigures {
  readonly #ctx: Parts<"clock" | "unnoticed">;

  constructor(ctx: Parts<"clock" | "unnoticed">) {
    this.#ctx = ctx;
  }

  /** For whoever was let to the VM. Rejects with `guest_unresponsive` when it says nothing of the kind. */
  async look(vmId: VmId, { processes, signal }: LookOptions): Promise<Figures> {
    const command = ["/bin/sh", "-c", processes ? LOOK_AT_PROCESSES : LOOK];
    const spec = { command, cwd: "/", timeoutMs: LIMIT_MS };
    const session = await this.#ctx.unnoticed.exec(vmId, spec, { signal });
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const event of session) {
      if (event.kind !== "stdout") continue;
      bytes += event.data.length;
      if (bytes > MAX_BYTES) throw silent();
      parts.push(event.data);
    }
    const figures = parseFigures(Buffer.concat(parts).toString(), this.#ctx.clock.now());
    if (figures === undefined) throw silent();
    return figures;
  }
}

function silent(): FastvmError {
  return new FastvmError("guest_unresponsive", "the guest says nothing of its processors and memory");
}
