/** A VM that waits, restored and stopped, for a launch. */
import type { GuestLink } from "../../guest-link/guest-link.ts";
import type { Slot } from "../../pool/slot.ts";
import type { QemuProcess } from "../../qemu/qemu-process.ts";
import type { Vm } from "./vm.ts";

/** A guest that answers, before it is a VM's. */
export interface StartedGuest {
  readonly qemu: QemuProcess;
  readonly link: GuestLink;
}

export interface Standby {
  readonly slot: Slot;
  /** Its record names nobody yet. */
  readonly vm: Vm;
  readonly guest: StartedGuest;
}
