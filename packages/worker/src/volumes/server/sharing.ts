/**
 * Which servers have a volume at once, and so what their guests may keep of it: one that has it alone keeps names and attributes for a
 * moment, and so do many of which none writes; of others nobody keeps anything.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { VolumeId } from "@fastvm/contract";
import { SerialQueue } from "../../concurrency/serial-queue.ts";
import { ControlConnection } from "./control.ts";

type Cache = "exclusive" | "shared";

/** KEPT_MS of the server: so long a guest that was captured goes by what it was told before. */
export const KEPT_MS = 100;
/** One that does not answer by then answers its guest nothing either. */
const SET_DEADLINE_MS = 2_000;

export interface SharingServer {
  /** Of this process: one that follows it is another. */
  readonly key: string;
  readonly controlSocket: string;
  readonly writes: boolean;
}

interface Joined extends SharingServer {
  /** Absent of one that an earlier daemon has started. */
  cache?: Cache;
  isAttached: boolean;
}

export class VolumeSharing {
  readonly #servers = new Map<VolumeId, Map<string, Joined>>();
  /** Else two that come at once would each be alone. */
  readonly #turns = new Map<VolumeId, SerialQueue>();

  /** Attaches it, shared as it begins, when nobody keeps any more what it may change. Rejects as that does, and then it has not joined. */
  async join(volumeId: VolumeId, server: SharingServer, attach: () => Promise<void>): Promise<void> {
    const joined: Joined = { ...server, cache: "shared", isAttached: false };
    this.#of(volumeId).set(server.key, joined);
    await this.#settle(volumeId);
    try {
      await attach();
    } catch (error) {
      await this.leave(volumeId, server.key);
      throw error;
    }
    joined.isAttached = true;
    // What it may keep is no matter of those who wait for it.
    void this.#settle(volumeId);
  }

  /** Attaches it as before, after it has given the volume up for a moment in which nobody else had it. */
  async again(volumeId: VolumeId, key: string, attach: () => Promise<void>): Promise<void> {
    await attach();
    const joined = this.#of(volumeId).get(key);
    // As each begins, whatever it was told before.
    if (joined !== undefined) joined.cache = "shared";
    void this.#settle(volumeId);
  }

  /** One that serves a guest since before this daemon was there. */
  found(volumeId: VolumeId, server: SharingServer): void {
    this.#of(volumeId).set(server.key, { ...server, isAttached: true });
  }

  /** Again for one that has left. */
  async leave(volumeId: VolumeId, key: string): Promise<void> {
    const servers = this.#servers.get(volumeId);
    if (servers?.delete(key) !== true) return;
    await this.#settle(volumeId);
    if (servers.size === 0 && this.#servers.get(volumeId) === servers) this.#servers.delete(volumeId);
  }

  /** Of one that has ended. */
  async leaveAll(key: string): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((volumeId) => this.leave(volumeId, key)));
  }

  /** All keep what they may keep now, and no more. */
  async #settle(volumeId: VolumeId): Promise<void> {
    const turns = this.#turns.get(volumeId) ?? new SerialQueue();
    this.#turns.set(volumeId, turns);
    await turns.run(async () => {
      const servers = [...this.#of(volumeId).values()];
      const cache = cacheOf(servers);
      const others = servers.filter((server) => server.isAttached && server.cache !== cache);
      const settleMs = await Promise.all(others.map((server) => setCache(volumeId, server, cache)));
      const longestMs = Math.max(0, ...settleMs);
      if (longestMs > 0) await sleep(longestMs);
    });
  }

  #of(volumeId: VolumeId): Map<string, Joined> {
    const servers = this.#servers.get(volumeId) ?? new Map<string, Joined>();
    this.#servers.set(volumeId, servers);
    return servers;
  }
}

function cacheOf(servers: readonly Joined[]): Cache {
  return servers.length < 2 || !servers.some(({ writes }) => writes) ? "exclusive" : "shared";
}

/** How long what it has kept is still in its guest. */
async function setCache(volumeId: VolumeId, server: Joined, cache: Cache): Promise<number> {
  server.cache = cache;
  try {
    using connection = await ControlConnection.open(server.controlSocket, { deadlineMs: 0 });
    const words = { tag: volumeId, cache };
    const { told } = await connection.ask("set", { words, deadlineMs: SET_DEADLINE_MS });
    return Number(told["settleMs"]);
  } catch {
    // It has ended, or does as if: its guest hears nothing that it could keep.
    return KEPT_MS;
  }
}
