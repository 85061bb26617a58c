/** A TCP connection from the host to a port of the guest's loopback: how SSH and services reach a VM that has no address. */
import type { Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";
import type { CallOptions } from "@fastvm/contract";
import { GuestError } from "../guest-link/guest-error.ts";
import type { Vm } from "./vm.ts";

export async function dial(vm: Vm, port: number, options: CallOptions): Promise<Duplex> {
  const { link } = vm.requireGuest();
  try {
    return await link.dial(port, { signal: options.signal });
  } catch (error) {
    if (error instanceof GuestError) {
      throw new FastvmError("guest_unresponsive", `port ${port}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
