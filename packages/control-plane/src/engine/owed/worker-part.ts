/** A part of a VM's record that its worker has as well, and is told of when it changes. */
import type { VmRecord } from "../../store/vm-repository.ts";
import type { OwedKind } from "../../store/schema.ts";
import type { Parts } from "../context.ts";

export interface WorkerPart {
  readonly kind: OwedKind;
  /** As this record has it. Resolves also when the VM does not run; rejects when the worker refuses. */
  tell(ctx: Parts<"sealing" | "store" | "worker">, vm: VmRecord): Promise<void>;
}
