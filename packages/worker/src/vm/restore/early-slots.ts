/**
 * Processes for the children of a fork whose memory is too much for one of the pool. Each takes some 60 ms to start, and what it has to map
 * is known as soon as the source runs on: so it starts while the rest of the capture is gathered and published. A process that does not
 * come up is nobody's failure; its child then starts one of its own, which says why.
 */
import { join } from "node:path";
import type { VmId } from "@fastvm/contract";
import type { MappedPages } from "../../memory/mapping.ts";
import { encodePageMap } from "../../memory/page-map-file.ts";
import type { PageMap } from "../../memory/page-map.ts";
import { onlyMapped, planMapped } from "../../memory/plan-memory.ts";
import { closeSlot, openSlot } from "../../pool/slot.ts";
import type { Slot, SlotHost } from "../../pool/slot.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import { hasQemu } from "../../qemu/qemu-set.ts";
import type { Vm } from "../state/vm.ts";
import { vmFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";

type EarlyContext = SlotHost & Parts<"accelerator" | "config" | "onError">;

export class EarlySlots implements AsyncDisposable {
  readonly #context: EarlyContext;
  readonly #children: readonly VmId[];
  readonly #slots = new Map<VmId, Promise<Slot | undefined>>();

  constructor(context: EarlyContext, children: readonly VmId[]) {
    this.#context = context;
    this.#children = children;
  }

  /** `memory`: of the state that is being captured, with files in the source's folder. */
  start(source: Vm, memory: MappedPages): void {
    const pages = onlyMapped(memory, planMapped(memory.map));
    if (pages.map.extents.length === 0) return;
    for (const vmId of this.#children) {
      this.#slots.set(
        vmId,
        this.#open(source, vmId, pages).catch(() => undefined),
      );
    }
  }

  /** The child's own from here on; `undefined`: it has none, or not one that has mapped just this. */
  async take(vmId: VmId, mapped: PageMap): Promise<Slot | undefined> {
    const slot = await this.#slots.get(vmId);
    this.#slots.delete(vmId);
    if (slot === undefined || encodePageMap(slot.mapped).equals(encodePageMap(mapped))) return slot;
    await closeSlot(this.#context, slot);
    return undefined;
  }

  /** Ends those that no child took, as it failed before or was given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#slots.values()];
    this.#slots.clear();
    const close = async (opened: Promise<Slot | undefined>): Promise<void> => {
      const slot = await opened;
      if (slot !== undefined) await closeSlot(this.#context, slot).catch(this.#context.onError);
    };
    await Promise.all(left.map(close));
  }

  async #open({ folder, record }: Vm, vmId: VmId, pages: MappedPages): Promise<Slot | undefined> {
    const { compatibility, machine, diskGib } = record;
    // Who has to look further for its QEMU does so with the published state.
    if (compatibility === undefined || !(await hasQemu(folder))) return undefined;
    const { accelerator, config } = this.#context;
    return await openSlot(this.#context, {
      folder: vmFolder(config, vmId),
      machine: { machine, accelerator },
      diskGib,
      memory: join(folder, MEMORY_FILE),
      pages,
      qemu: { ...compatibility.qemu, holder: folder },
    });
  }
}
