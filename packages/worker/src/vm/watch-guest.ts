/** Looks after a running guest between calls: a QEMU that ends, a link that breaks, a disk that had no room for a while. */
import { setTimeout as sleep } from "node:timers/promises";
import { openLink } from "./open-link.ts";
import type { Guest, Vm } from "./vm.ts";
import type { WorkerContext } from "./worker-context.ts";

/** QEMU stops a guest whose write found the host's disk full; it is let go on as soon as there may be room again. */
const NO_SPACE_RETRY_MS = 2_000;

export function watchGuest(context: WorkerContext, vm: Vm): void {
  const guest = vm.guest;
  if (guest === undefined) return;
  let shutdown: string | undefined;
  guest.qemu.qmp.onEvent(({ event, data }) => {
    if (event === "SHUTDOWN" && data["guest"] === true) shutdown = String(data["reason"]);
    if (event === "BLOCK_IO_ERROR" && data["nospace"] === true) void continueWhenThereIsRoom(vm, guest);
  });
  void guest.qemu.qmp.closed.then((cause) =>
    vm.guest?.qemu === guest.qemu ? context.onGuestLost(vm, shutdown, cause) : undefined,
  );
  // A guest that does not answer again stays as it is: its calls fail, and it can still be deleted.
  watchLink(context, vm, guest).catch(context.onError);
}

/** A broken link is reopened, with the same generation: commands of before are ended by the agent, the VM runs on. */
async function watchLink(context: WorkerContext, vm: Vm, guest: Guest): Promise<void> {
  await guest.link.closed;
  if (vm.guest !== guest) return;
  const link = await openLink(vm, context.forward);
  if (vm.guest !== guest) {
    link.close();
    return;
  }
  const renewed = { qemu: guest.qemu, link };
  vm.setGuest(renewed);
  await watchLink(context, vm, renewed);
}

async function continueWhenThereIsRoom(vm: Vm, guest: Guest): Promise<void> {
  while (vm.guest?.qemu === guest.qemu) {
    await sleep(NO_SPACE_RETRY_MS);
    const status = (await guest.qemu.qmp.execute("query-status").catch(() => undefined)) as
      | { status: string }
      | undefined;
    // Any other state is somebody else's doing: a capture stops the guest too.
    if (status?.status !== "io-error") return;
    await guest.qemu.qmp.execute("cont").catch(() => undefined);
  }
}
