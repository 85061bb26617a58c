/**
 * Volumes' servers for the host's own calls: each volume has one while somebody asks, and for a moment after. It sees the
 * volume and nothing
 * else, so whatever a guest has put there, it is not the daemon that walks over it.
 */
import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeId } from "@fastvm/contract";
import { startServing } from "../../processes/spawn.ts";
import type { Serving } from "../../processes/spawn.ts";
import { FuseSession } from "../server/fuse-session.ts";
import type { VolumeSharing } from "../server/sharing.ts";
import { attachFolder, requireVolumeServer, VOLUME_SERVER } from "../server/programs.ts";

/** A client goes through a folder file by file. */
const IDLE_MS = 5_000;

interface Server {
  readonly session: Promise<FuseSession>;
  readonly serving: Serving;
  /** Resolves when nothing is left of it. */
  readonly left: Promise<void>;
}

interface Kept {
  readonly server: Promise<Server>;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

interface HostSessionsOptions {
  /** For control sockets; emptied by whoever starts. */
  readonly folder: string;
  readonly uid: () => number;
  readonly release: (uid: number) => void;
  readonly mounted: (volumeId: VolumeId) => Promise<string>;
  readonly sharing: VolumeSharing;
}

export class HostSessions {
  readonly #options: HostSessionsOptions;
  readonly #kept = new Map<VolumeId, Kept>();
  /** Of which nobody may have a server just now. */
  readonly #closed = new Map<VolumeId, Promise<unknown>>();

  constructor(options: HostSessionsOptions) {
    this.#options = options;
  }

  /** `end` is called once by whoever has done with it. */
  async take(volumeId: VolumeId): Promise<{ readonly session: FuseSession; readonly end: () => void }> {
    while (this.#closed.has(volumeId)) await this.#closed.get(volumeId)?.catch(() => undefined);
    const kept = this.#keptOf(volumeId);
    kept.users += 1;
    clearTimeout(kept.idle);
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      kept.users -= 1;
      if (kept.users > 0 || !this.#isKept(volumeId, kept)) return;
      kept.idle = setTimeout(() => void this.#endIdle(volumeId, kept), IDLE_MS);
      kept.idle.unref();
    };
    try {
      const { session } = await kept.server;
      return { session: await session, end };
    } catch (error) {
      end();
      await this.#alone(volumeId, () => this.#end(volumeId, kept));
      throw error;
    }
  }

  /** Resolves when the volume has no server of ours any more. Whoever asks it just then is told that it was lost. */
  async end(volumeId: VolumeId): Promise<void> {
    await this.without(volumeId, () => Promise.resolve());
  }

  /** Ends it, and whoever asks for one meanwhile waits until the work is done. */
  async without(volumeId: VolumeId, work: () => Promise<void>): Promise<void> {
    await this.#alone(volumeId, async () => {
      await this.#end(volumeId, this.#kept.get(volumeId));
      await work();
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map((volumeId) => this.end(volumeId)));
  }

  /** Nobody begins to use a server of it until the work is done. */
  async #alone(volumeId: VolumeId, work: () => Promise<void>): Promise<void> {
    while (this.#closed.has(volumeId)) await this.#closed.get(volumeId)?.catch(() => undefined);
    const working = work();
    this.#closed.set(volumeId, working);
    try {
      await working;
    } finally {
      this.#closed.delete(volumeId);
    }
  }

  async #endIdle(volumeId: VolumeId, kept: Kept): Promise<void> {
    await this.#alone(volumeId, async () => {
      if (kept.users === 0) await this.#end(volumeId, kept);
    });
  }

  /** Does nothing when it has ended already: another may be there in its place. */
  async #end(volumeId: VolumeId, kept: Kept | undefined): Promise<void> {
    if (kept === undefined || !this.#isKept(volumeId, kept)) return;
    this.#forget(volumeId, kept);
    const server = await kept.server.catch(() => undefined);
    server?.serving.kill();
    await server?.left;
  }

  #isKept(volumeId: VolumeId, kept: Kept): boolean {
    return this.#kept.get(volumeId) === kept;
  }

  #forget(volumeId: VolumeId, kept: Kept): void {
    clearTimeout(kept.idle);
    if (this.#isKept(volumeId, kept)) this.#kept.delete(volumeId);
  }

  #keptOf(volumeId: VolumeId): Kept {
    const found = this.#kept.get(volumeId);
    if (found !== undefined) return found;
    const kept: Kept = { server: this.#start(volumeId), users: 0, idle: undefined };
    this.#kept.set(volumeId, kept);
    const forget = (): void => this.#forget(volumeId, kept);
    // From the moment when it answers nobody any more.
    kept.server.then(({ serving }) => serving.exited).then(forget, forget);
    return kept;
  }

  async #start(volumeId: VolumeId): Promise<Server> {
    requireVolumeServer();
    const path = await this.#options.mounted(volumeId);
    const { folder, sharing } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const controlSocket = join(folder, `${randomUUID()}.sock`);
    const uid = this.#options.uid();
    const arguments_ = ["serve", "--port-fd", "3", "--control", controlSocket, "--user", `${uid}`];
    const serving = startServing(VOLUME_SERVER, [...arguments_, "--rights", "owner"]);
    const left = serving.exited.then(async () => {
      this.#options.release(uid);
      await rm(controlSocket, { force: true });
      await sharing.leave(volumeId, controlSocket);
    });
    try {
      await serving.ready;
      await sharing.join(volumeId, { key: controlSocket, controlSocket, writes: true }, () =>
        attachFolder({ controlSocket, tag: volumeId, path, readOnly: false }),
      );
    } catch (error) {
      serving.kill();
      await left;
      throw error;
    }
    const session = FuseSession.open(serving.port, volumeId);
    session.catch(() => undefined);
    return { session, serving, left };
  }
}
