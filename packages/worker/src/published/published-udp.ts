/**
 * A UDP port of the host that leads into a VM. Each peer has a socket of its own in the guest, so that what is sent back finds it; one that
 * neither side used for a minute goes. What the policy denies is thrown away, and what finds no room too.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { DatagramReader, recordOf } from "./datagrams.ts";
import { mayConnect } from "./may-connect.ts";
import type { ListenerOptions } from "./listener-options.ts";

const MAX_PEERS = 256;
const IDLE_MS = 60_000;
const LOOK_EVERY_MS = 5000;
/** Of one peer's, on their way into the guest. */
const MAX_WAITING_BYTES = 512 * 1024;

interface Peer {
  readonly address: string;
  readonly guest: Promise<Duplex | undefined>;
  waitingBytes: number;
  usedAtMs: number;
}

export class PublishedUdp {
  readonly #options: ListenerOptions;
  readonly #socket: Socket;
  readonly #peers = new Map<string, Peer>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { address } = options.port;
    this.#socket = createSocket(isIPv6(address) ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
    this.#socket.on("message", (message, from) => void this.#receive(message, from));
  }

  async listen(): Promise<void> {
    const { address, hostPort } = this.#options.port;
    this.#socket.bind({ address, port: hostPort, exclusive: true });
    await once(this.#socket, "listening");
    this.#socket.on("error", () => undefined);
    this.#timer = setInterval(() => this.#dropIdle(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  judge(): void {
    for (const [key, { address }] of this.#peers) if (!this.#isAllowed(address)) this.#drop(key);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const key of this.#peers.keys()) this.#drop(key);
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #isAllowed(address: string): boolean {
    const { port, publication } = this.#options;
    const now = publication();
    return now !== undefined && mayConnect(now, port, address);
  }

  async #receive(message: Buffer, from: RemoteInfo): Promise<void> {
    if (!this.#isAllowed(from.address)) return;
    const key = `${from.address} ${from.port}`;
    const peer = this.#peers.get(key) ?? this.#open(key, from);
    if (peer === undefined || peer.waitingBytes + message.length > MAX_WAITING_BYTES) return;
    peer.usedAtMs = performance.now();
    peer.waitingBytes += message.length;
    const guest = await peer.guest;
    guest?.write(recordOf(message), () => {
      peer.waitingBytes -= message.length;
    });
  }

  #open(key: string, from: RemoteInfo): Peer | undefined {
    if (this.#peers.size >= MAX_PEERS) return undefined;
    const guest = this.#options.dial().catch(() => undefined);
    const peer: Peer = { address: from.address, guest, waitingBytes: 0, usedAtMs: performance.now() };
    this.#peers.set(key, peer);
    void guest.then((stream) =>
      stream === undefined ? this.#forget(key, peer) : this.#answer(key, peer, stream, from),
    );
    return peer;
  }

  #answer(key: string, peer: Peer, stream: Duplex, { address, port }: RemoteInfo): void {
    const reader = new DatagramReader();
    stream.on("data", (bytes: Buffer) => {
      peer.usedAtMs = performance.now();
      for (const datagram of reader.push(bytes))
        if (!this.#isClosed) this.#socket.send(datagram, port, address, () => undefined);
    });
    stream.on("error", () => undefined);
    stream.once("close", () => this.#forget(key, peer));
    if (this.#peers.get(key) !== peer) stream.destroy();
  }

  #dropIdle(): void {
    const before = performance.now() - IDLE_MS;
    for (const [key, { usedAtMs }] of this.#peers) if (usedAtMs < before) this.#drop(key);
  }

  /** What has ended by itself, in whose place there may be another by now. */
  #forget(key: string, peer: Peer): void {
    if (this.#peers.get(key) === peer) this.#peers.delete(key);
  }

  #drop(key: string): void {
    const peer = this.#peers.get(key);
    this.#peers.delete(key);
    void peer?.guest.then((stream) => stream?.destroy());
  }
}
