/** A TCP connection that the guest makes for the host: to its loopback, which is how SSH and services reach a VM without an address. */
import type { Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";
import type { DialOptions, PublishedPort } from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";
import type { GuestConnection } from "../../guest-link/guest-connection.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import type { Vm } from "../state/vm.ts";

/** As long as the guest has for the connection itself. */
const LINK_DEADLINE_MS = 10_000;

export async function dial(vm: Vm, port: number, options: DialOptions): Promise<Duplex> {
  const { host, signal } = options;
  const link = await vm.link({ signal, deadlineMs: LINK_DEADLINE_MS });
  try {
    return host === undefined
      ? await dialLoopback(link, port, signal)
      : await link.dial(port, { signal, host });
  } catch (error) {
    if (error instanceof GuestError) {
      throw new FastvmError("guest_unresponsive", `port ${port}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** For who came to a published port: its connection, or its datagrams. */
export async function dialPublished(vm: Vm, { guestPort, protocol }: PublishedPort): Promise<Duplex> {
  if (protocol === "tcp") return await dial(vm, guestPort, {});
  const link = await vm.link({ deadlineMs: LINK_DEADLINE_MS });
  return await link.datagrams(guestPort);
}

/** Programs that listen on `localhost`, as development servers do, have one of its two addresses: which one is their library's choice. */
async function dialLoopback(
  link: GuestLink,
  port: number,
  signal: AbortSignal | undefined,
): Promise<GuestConnection> {
  try {
    return await link.dial(port, { signal });
  } catch (error) {
    if (!(error instanceof GuestError) || error.code !== "ECONNREFUSED") throw error;
    return await link.dial(port, { signal, host: "::1" }).catch(() => {
      throw error;
    });
  }
}
