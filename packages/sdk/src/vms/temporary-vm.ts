/// <reference lib="esnext.disposable" />
/** A VM that `await using` deletes at the end of its block. */
import { NotFoundError } from "../errors.ts";
import type { Vm, VmRef } from "./vm.ts";

export type Temporary<V> = V & AsyncDisposable;

/** One that is gone by then is as good as deleted. What is shown, sent and copied of the VM stays as it is. */
export function deletedAtEnd<V extends Pick<Vm, "id">>(
  vm: V,
  vms: { delete: (vm: VmRef) => PromiseLike<unknown> },
): Temporary<V> {
  const dispose = async (): Promise<void> => {
    try {
      await vms.delete(vm.id);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  };
  return Object.defineProperty({ ...vm } as Temporary<V>, Symbol.asyncDispose, { value: dispose });
}
