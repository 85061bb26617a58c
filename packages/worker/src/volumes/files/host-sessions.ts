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

interface Kept {
  readonly session: Promise<FuseSession>;
  readonly serving: Serving;
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
  readonly #kept = new Map<VolumeId, Promise<Kept>>();
  /** Of which nobody may have a server just now. */
  readonly #closed = new Map<VolumeId, Promise<unknown>>();

  constructor(options: HostSessionsOptions) {
    this.#options = options;
  }

  /** `end` is called once by whoever has done with it. */
  async take(volumeId: VolumeId): Promise<{ readonly session: FuseSession; readonly end: () => void }> {
    while (this.#closed.has(volumeId)) await this.#closed.get(volumeId)?.catch(() => undefined);
    const kept = await this.#keptOf(volumeId);
    kept.users += 1;
    clearTimeout(kept.idle);
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      kept.users -= 1;
      if (kept.users > 0) return;
      kept.idle = setTimeout(() => void this.end(volumeId), IDLE_MS);
      kept.idle.unref();
    };
    try {
      return { session: await kept.session, end };
    } catch (error) {
      end();
      await this.end(volumeId);
      throw error;
    }
  }

  /** Resolves when the volume has no server of ours any more. Whoever asks it just then is told that it was lost. */
  async end(volumeId: VolumeId): Promise<void> {
    const kept = await this.#kept.get(volumeId)?.catch(() => undefined);
    this.#kept.delete(volumeId);
    if (kept === undefined) return;
    clearTimeout(kept.idle);
    kept.serving.kill();
    await kept.serving.exited;
  }

  /** Ends it, and whoever asks for one meanwhile waits until the work is done. */
  async without(volumeId: VolumeId, work: () => Promise<void>): Promise<void> {
    while (this.#closed.has(volumeId)) await this.#closed.get(volumeId)?.catch(() => undefined);
    const working = this.end(volumeId).then(work);
    this.#closed.set(volumeId, working);
    try {
      await working;
    } finally {
      this.#closed.delete(volumeId);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map((volumeId) => this.end(volumeId)));
  }

  #keptOf(volumeId: VolumeId): Promise<Kept> {
    const found = this.#kept.get(volumeId) ?? this.#start(volumeId);
    this.#kept.set(volumeId, found);
    found.catch(() => this.#kept.get(volumeId) === found && this.#kept.delete(volumeId));
    return found;
  }

  async #start(volumeId: VolumeId): Promise<Kept> {
    requireVolumeServer();
    const path = await this.#options.mounted(volumeId);
    const { folder, sharing } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const controlSocket = join(folder, `${randomUUID()}.sock`);
    const uid = this.#options.uid();
    const arguments_ = ["serve", "--port-fd", "3", "--control", controlSocket, "--user", `${uid}`];
    const serving = startServing(VOLUME_SERVER, [...arguments_, "--rights", "owner"]);
    const exited = serving.exited.then(async () => {
      this.#options.release(uid);
      this.#kept.delete(volumeId);
      await rm(controlSocket, { force: true });
      await sharing.leave(volumeId, controlSocket);
    });
    const ended = { ...serving, exited };
    try {
      await serving.ready;
      await sharing.join(volumeId, { key: controlSocket, controlSocket, writes: true }, () =>
        attachFolder({ controlSocket, tag: volumeId, path, readOnly: false }),
      );
    } catch (error) {
      serving.kill();
      await exited;
      throw error;
    }
    const session = FuseSession.open(serving.port, volumeId);
    session.catch(() => undefined);
    return { session, serving: ended, users: 0, idle: undefined };
  }
}
