/** A TCP connection from the host to a port of the guest's loopback: how SSH and services reach a VM that has no address. */
import type { Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";
import type { CallOptions } from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";
import type { GuestConnection } from "../../guest-link/guest-connection.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import type { Vm } from "../state/vm.ts";

/** As long as the guest has for the connection itself. */
const LINK_DEADLINE_MS = 10_000;

export async function dial(vm: Vm, port: number, options: CallOptions): Promise<Duplex> {
  const link = await vm.link({ signal: options.signal, deadlineMs: LINK_DEADLINE_MS });
  try {
    return await dialLoopback(link, port, options);
  } catch (error) {
    if (error instanceof GuestError) {
      throw new FastvmError("guest_unresponsive", `port ${port}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Programs that listen on `localhost`, as development servers do, have one of its two addresses: which one is their library's choice. */
async function dialLoopback(
  link: GuestLink,
  port: number,
  { signal }: CallOptions,
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
