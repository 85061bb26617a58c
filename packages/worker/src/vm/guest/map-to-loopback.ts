/**
 * Makes the hosts by which clients know the API lead to it from inside the guest: its URLs for
 * files are good there whatever the VM may reach, and without any network. What was done is
 * remembered with the guest's link, and done again, to no effect, after a restart of the daemon.
 */
import { FastvmError } from "@fastvm/contract";
import type { CallOptions, GuestTarget } from "@fastvm/contract";
import { Tag } from "../../guest-link/fields.ts";
import { GuestError } from "../../guest-link/guest-error.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import { mappableHost } from "../../network/mappable-host.ts";
import type { MappableHost } from "../../network/mappable-host.ts";
import { withLoopbackName } from "./guest-hosts.ts";
import { SerialQueue } from "../../concurrency/serial-queue.ts";
import type { Vm } from "../state/vm.ts";
import type { GuestForward } from "../state/guest-forward.ts";
import { asTransferError } from "./transfer-error.ts";

/** A daemon has a name and an address or two; the agent listens at 16 addresses, those of a snapshot's other daemons among them. */
const MAX_HOSTS = 8;
const HOSTS_PATH = "/etc/hosts";
/** What a guest may make us hold in memory. */
const MAX_HOSTS_BYTES = 1024 ** 2;

interface Life {
  readonly mapped: Set<string>;
  /** A file that is read, changed and written, and identities, are one at a time. */
  readonly queue: SerialQueue;
}

const lives = new WeakMap<GuestLink, Life>();

export async function mapToLoopback(
  vm: Vm,
  forward: GuestForward | undefined,
  { host, port }: GuestTarget,
  options: CallOptions,
): Promise<boolean> {
  const target = mappableHost(host);
  if (target === undefined || forward === undefined) return false;
  if (port !== forward.port && port !== forward.publicPort) return false;
  // The handshake has seen to this one.
  if (target.kind === "loopback" && port === forward.port) return true;
  const link = await vm.link({ signal: options.signal });
  const life = lives.get(link) ?? { mapped: new Set(), queue: new SerialQueue() };
  lives.set(link, life);
  const key = `${host.toLowerCase()} ${port}`;
  await life.queue.run(async () => {
    if (life.mapped.has(key)) return;
    if (life.mapped.size >= MAX_HOSTS) {
      throw new FastvmError("conflict", `VM ${vm.vmId} knows the API by ${MAX_HOSTS} hosts already`);
    }
    await map(link, target, port, { isListening: port === forward.port, ...options });
    life.mapped.add(key);
  });
  return true;
}

async function map(
  link: GuestLink,
  target: MappableHost,
  port: number,
  { isListening, signal }: CallOptions & { readonly isListening: boolean },
): Promise<void> {
  signal?.throwIfAborted();
  try {
    if (target.kind === "address") await listenAt(link, port, target.address, signal);
    else if (!isListening) await listenAt(link, port, "", signal);
    if (target.kind === "name") await addName(link, target.name, signal);
  } catch (error) {
    throw asTransferError(error);
  }
}

/** Empty: 127.0.0.1. */
async function listenAt(
  link: GuestLink,
  port: number,
  address: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const value = Buffer.alloc(2 + address.length);
  value.writeUInt16LE(port);
  value.write(address, 2, "latin1");
  try {
    await link.identify([{ tag: Tag.FORWARD, value }], { signal });
  } catch (error) {
    if (!(error instanceof FastvmError) || error.code !== "launch_failed") throw error;
    throw new FastvmError(
      "transfer_failed",
      `the guest does not listen at ${address || "its loopback"}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/** A change that the guest's owner makes in the same milliseconds is lost, or ours is until the next life. */
async function addName(link: GuestLink, name: string, signal: AbortSignal | undefined): Promise<void> {
  const hosts = withLoopbackName(await readHosts(link, signal), name);
  if (hosts !== undefined) await link.writeFile(HOSTS_PATH, hosts, { signal });
}

async function readHosts(link: GuestLink, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of link.readFile(HOSTS_PATH, { signal })) {
      bytes += chunk.length;
      if (bytes > MAX_HOSTS_BYTES)
        throw new FastvmError("transfer_failed", `the guest's ${HOSTS_PATH} is too large`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (!(error instanceof GuestError) || error.code !== "ENOENT") throw error;
  }
  return Buffer.concat(chunks);
}
