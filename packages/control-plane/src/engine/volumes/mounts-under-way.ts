/** What a worker is being told of volumes of VMs: in no record yet, as a record says what is. */
import type { VmId } from "@fastvm/contract";
import type { RecordedMount } from "../../store/vm-settings.ts";

export interface MountUnderWay {
  readonly vmId: VmId;
  readonly mount: RecordedMount;
  readonly state: "mounting" | "remounting" | "releasing";
}

export class MountsUnderWay {
  readonly #all = new Set<MountUnderWay>();

  async during<T>(one: MountUnderWay, work: () => Promise<T>): Promise<T> {
    this.#all.add(one);
    try {
      return await work();
    } finally {
      this.#all.delete(one);
    }
  }

  list(): readonly MountUnderWay[] {
    return [...this.#all];
  }
}
