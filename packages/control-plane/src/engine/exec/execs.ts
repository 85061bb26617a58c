/** Commands in VMs that run. */
import type { ExecSession, ExecSpec, VmId } from "@fastvm/contract";
import type { LifecycleContext } from "../context.ts";

export class Execs {
  readonly #ctx: Pick<LifecycleContext, "worker">;

  constructor(ctx: Pick<LifecycleContext, "worker">) {
    this.#ctx = ctx;
  }

  /** For whoever was let to the VM (`Vms.getRunning`). The command lives no longer than the signal lets it. */
  start(vmId: VmId, spec: ExecSpec, options: { readonly signal: AbortSignal }): Promise<ExecSession> {
    return this.#ctx.worker.exec(vmId, spec, options);
  }
}
