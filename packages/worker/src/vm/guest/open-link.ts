/** Connects to the agent in a VM, under the generation of the VM's present life. */
import { join } from "node:path";
import type { WaitOptions } from "../../guest-link/deadline.ts";
import { GuestLink } from "../../guest-link/guest-link.ts";
import { LINK_SOCKET } from "../../qemu/machine.ts";
import type { GuestConnection } from "../../guest-link/guest-connection.ts";
import { KeptLink } from "../../guest-link/kept-link.ts";
import type { OpenLink } from "../../guest-link/kept-link.ts";
import type { Vm } from "../state/vm.ts";
import type { GuestForward } from "../state/guest-forward.ts";

/** An idle guest answers in 25 ms; ten that start at once on two emulated cores need a second or two. */
const HANDSHAKE_DEADLINE_MS = 30_000;

export async function openLink(
  vm: Vm,
  forward: GuestForward | undefined,
  { deadlineMs = HANDSHAKE_DEADLINE_MS, signal }: WaitOptions = {},
): Promise<GuestLink> {
  return await GuestLink.connect({
    socketPath: join(vm.folder, LINK_SOCKET),
    generation: Buffer.from(vm.record.linkGeneration, "hex"),
    deadlineMs,
    signal,
    ...(forward === undefined ? {} : { onForward: (port, connection) => carry(forward, port, connection) }),
  });
}

/**
 * A broken link is reopened with the same generation: commands of before are ended by the
 * agent, the VM runs on. `link`: one that stands already.
 */
export function keepLink(vm: Vm, forward: GuestForward | undefined, link?: GuestLink): KeptLink {
  const open: OpenLink = (deadlineMs, signal) => openLink(vm, forward, { deadlineMs, signal });
  return new KeptLink(link === undefined ? { open } : { link, open });
}

/** A snapshot of another daemon may bring a listener for another port along; nobody answers there. */
function carry(forward: GuestForward, port: number, connection: GuestConnection): void {
  if (port === forward.port || port === forward.publicPort) forward.accept(connection);
  else connection.destroy();
}
