/** Looks after a running guest between calls: a QEMU that ends, a disk that had no room for a while. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Guest, Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

/** QEMU stops a guest whose write found the host's disk full; it is let go on as soon as there may be room again. */
const NO_SPACE_RETRY_MS = 2_000;

interface WatchOptions {
  /** One that was adopted may have been stopped before anybody listened. */
  readonly mayBeStopped?: boolean;
}

/** For the guest that the VM has now. */
export function watchGuest(
  context: Parts<"onGuestLost">,
  vm: Vm,
  { mayBeStopped = false }: WatchOptions = {},
): void {
  const guest = vm.guest;
  if (guest === undefined) return;
  let shutdown: string | undefined;
  const roomKeeper = new RoomKeeper(vm, guest);
  guest.qemu.qmp.onEvent(({ event, data }) => {
    if (event === "SHUTDOWN") shutdown = String(data["reason"]);
    if (event === "BLOCK_IO_ERROR" && data["nospace"] === true) roomKeeper.start();
  });
  void guest.qemu.qmp.closed.then((cause) =>
    vm.guest?.qemu === guest.qemu ? context.onGuestLost(vm, shutdown, cause) : undefined,
  );
  if (mayBeStopped) roomKeeper.start();
}

/** Lets a guest go on that was stopped for want of room. Each write that fails tells, by the hundred; one look at a time is enough. */
class RoomKeeper {
  readonly #vm: Vm;
  readonly #guest: Guest;
  #isLooking = false;

  constructor(vm: Vm, guest: Guest) {
    this.#vm = vm;
    this.#guest = guest;
  }

  start(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#look();
  }

  async #look(): Promise<void> {
    for (let isStopped = true; isStopped && this.#isPresent;) {
      await sleep(NO_SPACE_RETRY_MS, undefined, { ref: false });
      // Not in the middle of a capture, to which the guest stands still.
      isStopped = await this.#vm.transitions.run(() => this.#continueIfStopped());
    }
    this.#isLooking = false;
  }

  /** Whether it may be stopped still. */
  async #continueIfStopped(): Promise<boolean> {
    const { qmp } = this.#guest.qemu;
    if (!this.#isPresent) return false;
    try {
      const { status } = (await qmp.execute("query-status")) as { status: string };
      if (status !== "io-error") return false;
      await qmp.execute("cont");
    } catch {
      // It is busy, or about to end.
    }
    return true;
  }

  get #isPresent(): boolean {
    return this.#vm.guest?.qemu === this.#guest.qemu;
  }
}
