/**
 * Holds what a backup is to copy by hard links of its own, so that nothing of it goes while the copy takes its time. States never change:
 * a snapshot's folder is deleted, a paused VM's is when it was resumed, and their records say so first.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { identifyProcess, isAlive, makeClosedFolder, runTool } from "@fastvm/worker";
import type { HeldStates } from "./records.ts";

const LINK_MS = 600_000;
const PREFIX = "backing-up-";
/** What states need of the data folder, or root of a machine that takes its place. */
const BESIDE = ["qemu", "api-key", "sealing-key", "registries.json"];

export class Holding implements AsyncDisposable {
  readonly folder: string;
  readonly #dataDir: string;
  readonly #inodes = new Map<string, bigint>();

  static async open(dataDir: string): Promise<Holding> {
    await removeAbandoned(dataDir);
    const self = await identifyProcess(process.pid);
    const holding = new Holding(dataDir, join(dataDir, `${PREFIX}${self?.pid}-${self?.startTime}`));
    await makeClosedFolder(holding.folder);
    return holding;
  }

  private constructor(dataDir: string, folder: string) {
    this.#dataDir = dataDir;
    this.folder = folder;
  }

  /** What goes meanwhile is left out. */
  async hold(states: HeldStates): Promise<void> {
    for (const path of pathsOf(states)) await this.#link(path);
    for (const name of BESIDE) await this.#link(name);
  }

  /** Lets go of what, by records that were read later, may not have been whole. Answers with what is left. */
  async keep(states: HeldStates): Promise<HeldStates> {
    const wanted = new Set(pathsOf(states));
    for (const [path, inode] of this.#inodes) {
      if (BESIDE.includes(path)) continue;
      const isSame = wanted.has(path) && (await inodeOf(join(this.#dataDir, path))) === inode;
      if (!isSame) await this.#drop(path);
    }
    const held = (kind: string): Set<string> =>
      new Set(
        [...this.#inodes.keys()].flatMap((path) =>
          dirname(path) === kind ? path.slice(kind.length + 1) : [],
        ),
      );
    return { snapshots: held("snapshots"), paused: held("paused") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #link(path: string): Promise<void> {
    const source = join(this.#dataDir, path);
    const inode = await inodeOf(source);
    if (inode === undefined) return;
    const target = join(this.folder, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    this.#inodes.set(path, inode);
    try {
      await runTool("cp", ["--archive", "--link", "--no-target-directory", source, target], {
        timeoutMs: LINK_MS,
      });
    } catch (error) {
      await this.#drop(path);
      // It was deleted under way.
      if ((await inodeOf(source)) === inode) throw error;
    }
  }

  async #drop(path: string): Promise<void> {
    this.#inodes.delete(path);
    await rm(join(this.folder, path), { recursive: true, force: true });
  }
}

function pathsOf({ snapshots, paused }: HeldStates): readonly string[] {
  return [
    ...[...snapshots].map((id) => join("snapshots", id)),
    ...[...paused].map((id) => join("paused", id)),
  ];
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  return (await stat(path, { bigint: true }).catch(() => undefined))?.ino;
}

/** Of those who were killed. */
async function removeAbandoned(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const owner = /^backing-up-(\d+)-(\d+)$/.exec(name);
    if (owner === null) continue;
    const [, pid, startTime] = owner;
    const lives = await isAlive({ pid: Number(pid), startTime: Number(startTime) });
    if (!lives) await rm(join(dataDir, name), { recursive: true, force: true });
  }
}
