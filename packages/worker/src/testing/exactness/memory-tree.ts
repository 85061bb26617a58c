/**
 * Processes with memories and captures of them, grown at random from a seed: written, captured while they are written, restored, captured
 * again, generation after generation, with ancestors deleted and captures cut short in the middle. After each step every page of what was
 * captured or restored is compared with what the source had when it stood still. The processes are QEMUs without a guest; who writes is
 * this.
 */
import { mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { hookSteps } from "@fastvm/contract";
import type { MachineType, StepName } from "@fastvm/contract";
import { linkOrCopy } from "../../files/copy.ts";
import { seededRandom } from "../../guest-link/seeded-random.ts";
import { Cgroups } from "../../host/cgroups.ts";
import { UidAllocator } from "../../host/uid-allocator.ts";
import { MemoryCapture } from "../../memory/capture-memory.ts";
import type { MemoryCopier } from "../../memory/capture-memory.ts";
import { giveMemory } from "../../memory/give-memory.ts";
import { findMemoryMapping, PAGE_BYTES, pagesOf } from "../../memory/mapping.ts";
import type { MemoryMapping } from "../../memory/mapping.ts";
import { mergePages } from "../../memory/merge-pages.ts";
import { decodePageMap } from "../../memory/page-map-file.ts";
import { emptyMap, pick } from "../../memory/page-map.ts";
import type { PageMap } from "../../memory/page-map.ts";
import { PagesHelper } from "../../memory/pages-helper.ts";
import { onlyMapped } from "../../memory/plan-memory.ts";
import { findVmMemory, MAP_FILE, mappedIn } from "../../memory/vm-memory.ts";
import type { VmMemory } from "../../memory/vm-memory.ts";
import { closeSlot, openSlot } from "../../pool/slot.ts";
import type { Slot, SlotHost } from "../../pool/slot.ts";
import { commandLine, listProcesses, parentOf } from "../../processes/proc.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import { keepInstalledQemu } from "../../qemu/qemu-set.ts";
import type { QemuSet } from "../../qemu/qemu-set.ts";
import { storePages } from "../../snapshot/store-pages.ts";
import { testQemu } from "../bare-slot.ts";

const MACHINE: MachineType = { name: "bare", cpu: 1, memoryMib: 32 };
const PAGES = pagesOf(MACHINE.memoryMib);
const FIRST_USER = 1_830_000;
const MAX_SOURCES = 4;
const MAX_CAPTURES = 8;
/** In one write, at most: the 4 MiB after which another round is worth it, and more. */
const MAX_RUN_PAGES = 400;
const MAX_RUNS = 12;
/** Single pages all over the memory: more ranges than one answer of the kernel has. */
const MAX_CRUMBS = 3000;
const HISTORY = 20;
/** Where a capture may be cut short. */
const CUTS: readonly StepName[] = [
  "capture.memory-forgotten",
  "capture.round-copied",
  "capture.rounds-over",
  "capture.memory-remembered",
];

/** A checksum of each page. */
type Fingerprint = Uint32Array;

interface Source {
  readonly id: number;
  readonly slot: Slot;
  readonly mapping: MemoryMapping;
  memory: VmMemory;
  /** Between the rounds of a capture, as a guest that runs does. */
  writes: boolean;
}

interface Capture {
  readonly id: number;
  readonly folder: string;
  readonly generation: number;
  readonly fingerprint: Fingerprint;
}

interface TreeCounts {
  captures: number;
  cut: number;
  restores: number;
  deepest: number;
  copiedPages: number;
}

export class MemoryTree implements AsyncDisposable {
  readonly counts: TreeCounts = { captures: 0, cut: 0, restores: 0, deepest: 0, copiedPages: 0 };
  /** What was done last. */
  readonly history: string[] = [];
  readonly #root: string;
  readonly #host: SlotHost;
  readonly #qemu: QemuSet;
  readonly #copier: MemoryCopier;
  readonly #random: (below: number) => number;
  readonly #generations = new Map<number, number>();
  #sources: Source[] = [];
  #captures: Capture[] = [];
  #made = 0;
  #unhook: () => void = () => undefined;
  /** The step at which the capture that is under way fails. */
  #cutAt: StepName | undefined;

  /** `tracksWrites` false: as on a kernel that cannot. */
  static async grow(
    seed: number | undefined,
    changes: { readonly tracksWrites?: false } = {},
  ): Promise<MemoryTree> {
    const root = await mkdtemp(join(tmpdir(), "fastvm-tree-"));
    const { program, ...qemuHost } = await testQemu();
    const qemu = await keepInstalledQemu(program, join(root, "store"));
    const host: SlotHost = {
      qemuHost,
      uids: new UidAllocator(FIRST_USER),
      cgroups: await Cgroups.open(`tree-${process.pid}`),
      network: undefined,
    };
    const { tracksWrites } = { ...(await PagesHelper.probe()), ...changes };
    const tree = new MemoryTree(root, host, qemu, { helper: new PagesHelper(), tracksWrites }, seed);
    await tree.#plant();
    return tree;
  }

  private constructor(
    root: string,
    host: SlotHost,
    qemu: QemuSet,
    copier: MemoryCopier,
    seed: number | undefined,
  ) {
    this.#root = root;
    this.#host = host;
    this.#qemu = qemu;
    this.#copier = copier;
    this.#random = seededRandom("memory tree", seed);
  }

  /** A base with something in a third of its pages, and one process on it. */
  async #plant(): Promise<void> {
    {
      await using base = await open(join(this.#root, MEMORY_FILE), "wx", 0o444);
      await base.truncate(PAGES * PAGE_BYTES);
      for (let page = 0; page < PAGES; page += 3) await base.write(this.#page(), 0, null, page * PAGE_BYTES);
    }
    this.#unhook = hookSteps((name) => this.#meanwhile(name));
    await this.#start(emptyMap(PAGES), this.#root, 0);
  }

  /** One step of what may happen. */
  async play(): Promise<void> {
    const [what, act] = this.#choose();
    this.history.push(what);
    if (this.history.length > HISTORY) this.history.shift();
    await act();
  }

  #choose(): readonly [string, () => Promise<void>] {
    const chance = this.#random(100);
    const [source, capture] = [this.#pickFrom(this.#sources), this.#pickFrom(this.#captures)];
    if (source === undefined && capture !== undefined) return ["restore", () => this.#restore(capture)];
    if (source === undefined) throw new Error("everything has ended");
    if (chance < 20) return ["write", () => this.#scribble(source)];
    if (chance < 50) return ["capture", () => this.#capture(source)];
    if (chance < 56) return ["capture all", () => this.#captureAll()];
    if (chance < 66) return ["cut a capture short", () => this.#cut(source)];
    if (chance < 70) return ["kill the helper in a capture", () => this.#killHelper(source)];
    if (chance < 75) return ["adopt", () => this.#adopt(source)];
    if (chance < 78)
      return ["merge", () => mergePages(this.#copier.helper, source.slot.folder, source.memory)];
    if (capture === undefined) return ["capture", () => this.#capture(source)];
    if (chance < 93) return ["restore", () => this.#restore(capture)];
    return ["delete a capture", () => this.#deleteCapture(capture)];
  }

  #pickFrom<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.#random(items.length)];
  }

  async #start(mapped: PageMap, from: string, generation: number, whole?: Capture): Promise<void> {
    if (this.#sources.length >= MAX_SOURCES) await this.#end(this.#pickFrom(this.#sources));
    const id = ++this.#made;
    const all = whole === undefined ? { map: emptyMap(PAGES), paths: [] } : mappedIn(from, await mapOf(from));
    const slot = await openSlot(this.#host, {
      folder: join(this.#root, `vm-${id}`),
      machine: { machine: MACHINE, accelerator: "tcg" },
      diskGib: 1,
      memory: join(from, MEMORY_FILE),
      pages: onlyMapped(all, mapped),
      qemu: this.#qemu,
    });
    const memoryFile = join(slot.folder, MEMORY_FILE);
    const { pid } = slot.qemu.identity;
    const memory = await giveMemory(
      this.#copier,
      { pid, folder: slot.folder, memoryFile, mapped: slot.mapped },
      all,
    );
    const mapping = await findMemoryMapping(pid, memoryFile, mappedIn(slot.folder, mapped));
    this.#generations.set(id, generation);
    this.#sources.push({ id, slot, mapping, memory, writes: false });
  }

  async #end(source: Source | undefined): Promise<void> {
    if (source === undefined) return;
    this.#sources = this.#sources.filter((other) => other !== source);
    await closeSlot(this.#host, source.slot);
  }

  async #restore(capture: Capture): Promise<void> {
    const map = await mapOf(capture.folder);
    // All of it written into the process, all of it mapped, or some of each.
    const share = this.#random(3);
    const mapped = pick(map, () => share === 1 || (share === 2 && this.#random(2) === 0));
    await this.#start(mapped, capture.folder, capture.generation + 1, capture);
    const child = this.#sources.at(-1);
    if (child === undefined) throw new Error("nothing was started");
    this.#compare(
      await this.#fingerprintOf(child),
      capture.fingerprint,
      `restored from capture ${capture.id}`,
    );
    this.counts.restores++;
  }

  async #capture(source: Source, options: { readonly writes: boolean } = { writes: true }): Promise<void> {
    if (this.#captures.length >= MAX_CAPTURES) await this.#deleteCapture(this.#pickFrom(this.#captures));
    const id = ++this.#made;
    const folder = join(this.#root, `capture-${id}`);
    try {
      const memory = await MemoryCapture.begin(this.#copier, this.#captureSource(source));
      source.writes = options.writes;
      await memory.copyWhileRunning();
      source.writes = false;
      await memory.copyLast();
      const fingerprint = await this.#fingerprintOf(source);
      // It runs on before anything is written down.
      if (this.#random(2) === 0) await this.#scribble(source);
      const { map, copiedBytes } = await memory.settle();
      await mkdir(folder);
      await linkOrCopy(join(source.slot.folder, MEMORY_FILE), join(folder, MEMORY_FILE));
      await storePages(source.memory, source.slot.folder, folder, map, "volatile");
      await source.memory.removeUnused(source.slot.folder);
      const generation = this.#generations.get(source.id) ?? 0;
      this.counts.captures++;
      this.counts.copiedPages += copiedBytes / PAGE_BYTES;
      this.counts.deepest = Math.max(this.counts.deepest, generation);
      this.#compare(await fingerprintOfCapture(folder), fingerprint, `capture ${id} of ${source.id}`);
      this.#captures.push({ id, folder, generation, fingerprint });
    } catch (error) {
      source.writes = false;
      await rm(folder, { recursive: true, force: true });
      // What every capture that fails does.
      await source.memory.forget(source.slot.folder);
      await source.memory.removeUnused(source.slot.folder);
      throw error;
    }
  }

  #captureSource({ slot, memory }: Source): Parameters<typeof MemoryCapture.begin>[1] {
    const { folder, qemu } = slot;
    return { pid: qemu.identity.pid, folder, memoryFile: join(folder, MEMORY_FILE), memory };
  }

  /**
   * Not while they are written: unlike a guest's, a write through /proc goes to the page itself, once it has been looked up, and may come
   * between its protection and its copy without anybody being told.
   */
  async #captureAll(): Promise<void> {
    const room = this.#sources.slice(0, MAX_CAPTURES);
    for (const outcome of await Promise.allSettled(
      room.map((source) => this.#capture(source, { writes: false })),
    )) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  async #cut(source: Source): Promise<void> {
    this.#cutAt = CUTS[this.#random(CUTS.length)];
    await this.#mayFail(source, "cut");
  }

  /** The capture fails, or was over before. */
  async #killHelper(source: Source): Promise<void> {
    const captured = this.#mayFail(source, "ended");
    for (const pid of await listProcesses()) {
      const isOurs =
        (await commandLine(pid)).includes("fastvm-pages") && (await parentOf(pid)) === process.pid;
      if (isOurs) process.kill(pid, "SIGKILL");
    }
    await captured;
  }

  async #mayFail(source: Source, word: string): Promise<void> {
    try {
      await this.#capture(source);
    } catch (error) {
      if (!String(error).includes(word)) throw error;
      this.counts.cut++;
      // As a daemon would find it that was killed there.
      if (this.#random(2) === 0) await this.#adopt(source);
    } finally {
      this.#cutAt = undefined;
    }
  }

  /** The next daemon knows what is in the folder, and nothing else. */
  async #adopt(source: Source): Promise<void> {
    source.memory = await findVmMemory(source.slot.folder, PAGES);
  }

  async #deleteCapture(capture: Capture | undefined): Promise<void> {
    if (capture === undefined) return;
    this.#captures = this.#captures.filter((other) => other !== capture);
    await rm(capture.folder, { recursive: true });
  }

  /** At each step of whatever is under way. */
  async #meanwhile(name: StepName): Promise<void> {
    if (name === "capture.round-copied") {
      for (const source of this.#sources)
        if (source.writes && this.#random(3) > 0) await this.#scribble(source);
    }
    if (name === this.#cutAt) throw new Error(`cut at ${name}`);
  }

  /** Runs of pages with something in them, with nothing, with what others have, and single bytes. */
  async #scribble({ slot, mapping }: Source): Promise<void> {
    await using memory = await open(`/proc/${slot.qemu.identity.pid}/mem`, "r+");
    const areCrumbs = this.#random(6) === 0;
    for (let runs = 1 + this.#random(areCrumbs ? MAX_CRUMBS : MAX_RUNS); runs > 0; runs--) {
      const pages = !areCrumbs && this.#random(3) === 0 ? 1 + this.#random(MAX_RUN_PAGES) : 1;
      const first = this.#random(PAGES - pages);
      const bytes = this.#content(pages);
      await memory.write(bytes, 0, bytes.length, mapping.address + first * PAGE_BYTES);
    }
  }

  #content(pages: number): Buffer {
    switch (this.#random(4)) {
      case 0:
        return Buffer.alloc(pages * PAGE_BYTES);
      case 1:
        return Buffer.alloc(1, this.#random(256));
      default:
        return Buffer.concat(Array.from({ length: pages }, () => this.#page()));
    }
  }

  #page(): Buffer {
    const page = Buffer.alloc(PAGE_BYTES, this.#random(256));
    page.writeUInt32LE(this.#random(2 ** 31), this.#random(PAGE_BYTES / 4) * 4);
    return page;
  }

  async #fingerprintOf({ slot, mapping }: Source): Promise<Fingerprint> {
    await using memory = await open(`/proc/${slot.qemu.identity.pid}/mem`, "r");
    const bytes = Buffer.allocUnsafe(PAGES * PAGE_BYTES);
    const { bytesRead } = await memory.read(bytes, 0, bytes.length, mapping.address);
    if (bytesRead !== bytes.length) throw new Error("the memory ended early");
    return fingerprintsOf(bytes);
  }

  #compare(found: Fingerprint, expected: Fingerprint, what: string): void {
    const page = expected.findIndex((sum, index) => sum !== found[index]);
    if (page >= 0) throw new Error(`page ${page} differs in what was ${what}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unhook();
    for (const { slot } of this.#sources) await closeSlot(this.#host, slot);
    this.#copier.helper.close();
    await this.#host.cgroups.close();
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** None where all was the base. */
async function mapOf(folder: string): Promise<PageMap> {
  const bytes = await readFile(join(folder, MAP_FILE)).catch(() => undefined);
  return bytes === undefined ? emptyMap(PAGES) : decodePageMap(bytes, PAGES);
}

async function fingerprintOfCapture(folder: string): Promise<Fingerprint> {
  const bytes = await readFile(join(folder, MEMORY_FILE));
  const { map, paths } = mappedIn(folder, await mapOf(folder));
  for (const [index, path] of paths.entries()) {
    const file = await readFile(path);
    for (const extent of map.extents.filter((candidate) => candidate.file === index)) {
      const from = extent.filePage * PAGE_BYTES;
      file.copy(bytes, extent.firstPage * PAGE_BYTES, from, from + extent.pages * PAGE_BYTES);
    }
  }
  return fingerprintsOf(bytes);
}

function fingerprintsOf(bytes: Buffer): Fingerprint {
  return Uint32Array.from({ length: PAGES }, (_, page) =>
    crc32(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)),
  );
}
