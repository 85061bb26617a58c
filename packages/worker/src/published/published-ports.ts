/**
 * Ports of the host that lead to ports of one VM's loopback, over its guest link: so they need nothing of its network, and reach what
 * listens on `localhost` alone. They are there while the VM runs; who may connect is asked anew of each change of its policy.
 */
import type { Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";
import type { Publication, PublishedPort } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";
import { PublishedTcp } from "./published-tcp.ts";
import { PublishedUdp } from "./published-udp.ts";

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1)$/;

/** A way into the VM: bytes of a connection, or of datagrams with their lengths. */
export type Dial = (port: PublishedPort) => Promise<Duplex>;

interface Listener {
  /** Rejects with the system's error when it cannot be had. */
  listen(): Promise<void>;
  /** Cuts what the new rules forbid. */
  judge(): void;
  close(): Promise<void>;
}

export class PublishedPorts {
  readonly #dial: Dial;
  readonly #allowed: readonly string[];
  #publication: Publication | undefined;
  #listeners = new Map<string, Listener>();

  /** `allowed`: addresses of the host beside its loopback. */
  constructor(dial: Dial, allowed: readonly string[]) {
    this.#dial = dial;
    this.#allowed = allowed;
  }

  /** Rejects with `conflict` when the host has none of them free, and then nothing has changed. */
  async set(publication: Publication | undefined): Promise<void> {
    const before = this.#listeners;
    const made: Listener[] = [];
    const next = new Map<string, Listener>();
    try {
      for (const port of publication?.ports ?? []) {
        this.#assertAllowed(port);
        const key = keyOf(port);
        const listener = before.get(key) ?? this.#listenerOf(port);
        if (!before.has(key)) {
          await listen(listener, port);
          made.push(listener);
        }
        next.set(key, listener);
      }
    } catch (error) {
      await Promise.all(made.map((listener) => listener.close()));
      throw error;
    }
    this.#publication = publication;
    this.#listeners = next;
    const left = [...before].filter(([key]) => !next.has(key));
    await Promise.all(left.map(([, listener]) => listener.close()));
    for (const listener of next.values()) listener.judge();
  }

  async close(): Promise<void> {
    await this.set(undefined);
  }

  #assertAllowed({ address, hostPort }: PublishedPort): void {
    if (LOOPBACK.test(address) || this.#allowed.includes(address)) return;
    const message = `port ${hostPort} of ${address} may not be published (fastvm serve --publish-address)`;
    throw new FastvmError("invalid_request", message, { field: "ports" });
  }

  #listenerOf(port: PublishedPort): Listener {
    const options = { port, publication: () => this.#publication, dial: () => this.#dial(port) };
    return port.protocol === "tcp" ? new PublishedTcp(options) : new PublishedUdp(options);
  }
}

async function listen(listener: Listener, { address, hostPort, protocol }: PublishedPort): Promise<void> {
  try {
    await listener.listen();
  } catch (error) {
    await listener.close();
    const why = isErrno(error, "EADDRINUSE") ? "is taken" : `cannot be had: ${String(error)}`;
    const message = `port ${hostPort} of ${address} (${protocol}) ${why}`;
    throw new FastvmError("conflict", message, { field: "ports", cause: error });
  }
}

function keyOf({ address, hostPort, guestPort, protocol }: PublishedPort): string {
  return [protocol, address, hostPort, guestPort].join(" ");
}
