/**
 * For tests: a worker's parts over scripted QEMUs and guests, on real folders. Its pool has a few of them, so that whatever is restored
 * needs no QEMU; transitions and
 * recovery do all they do, in milliseconds. `crash` is a daemon that ends: what it was doing stays as it is for ever.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, newVmId } from "@fastvm/contract";
import { Intercepted } from "../vm/state/intercepted.ts";
import type { ForkChild, NetworkPolicy, StepName, VmId, VmSpec, WorkerEvent } from "@fastvm/contract";
import { ScriptedGuest } from "../guest-link/scripted-guest.ts";
import { UidAllocator } from "../host/uid-allocator.ts";
import type { MemoryCopier } from "../memory/capture-memory.ts";
import { nothingMapped } from "../memory/mapping.ts";
import { PagesHelper } from "../memory/pages-helper.ts";
import { ReadyPool } from "../pool/ready-pool.ts";
import { closeSlot, makeSlotFolder } from "../pool/slot.ts";
import type { Slot } from "../pool/slot.ts";
import { newSlotName } from "../pool/slot-name.ts";
import { LINK_SOCKET, MEMORY_FILE } from "../qemu/machine.ts";
import { makeRunFolder } from "../qemu/run-folder.ts";
import { STATE_FILE } from "../snapshot/folder.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { setOf } from "../snapshot/set-of.ts";
import { recover } from "../recovery/recover.ts";
import { openStartTurns } from "../vm/restore/start-turns.ts";
import { Admission } from "../vm/state/admission.ts";
import { standBy } from "../vm/restore/standby.ts";
import type { Standby } from "../vm/state/standby-vm.ts";
import type { Vm } from "../vm/state/vm.ts";
import type { WorkerContext } from "../vm/state/worker-context.ts";
import { launch } from "../vm/transitions/launch.ts";
import { oblige } from "./honest-guest.ts";
import { ScriptedQemu } from "./scripted-qemu.ts";
import { COMPATIBILITY, DISK_GIB, MACHINE, makeTemplate } from "./scripted-template.ts";
import { closeSteps, listening, lives, openSteps } from "./step-listener.ts";
import type { Life } from "./step-listener.ts";

/** More than any of these VMs wants: a process of root has no limit that its user could raise. */
const ALLOWED_DISK_GIB = 16;
const UID_BASE = 1_950_000_000;
const CLOSED: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: false },
};

/** What goes on beside the step at which a daemon ends comes to a step of its own, and no further: a call of the file system's. */
const SETTLE_MS = 10;

const NOT_NOW = new Error("the pool is filled when the test says so");

interface ScriptedVm {
  readonly qemu: ScriptedQemu;
  readonly guest: ScriptedGuest;
}

export class ScriptedHost implements AsyncDisposable {
  readonly root: string;
  /** What nobody waited for. */
  readonly errors: unknown[] = [];
  readonly events: WorkerEvent[] = [];
  readonly template: Snapshot;
  /** Names of slots whose QEMU has been freed of everything. */
  readonly freedGroups: string[] = [];
  context: WorkerContext;
  /** Of all daemons, one after the other. */
  readonly #copier: MemoryCopier;
  readonly #poolSize: number;
  readonly #standbySize: number;
  #isFilling = false;
  #opening = 0;
  readonly #machines: ScriptedVm[] = [];
  readonly #contexts: WorkerContext[] = [];

  /** `poolSize`: how many VMs can be restored, until `fillPool`; `standbySize`: how many of them stand by already. */
  static async open(poolSize = 1, standbySize = 0): Promise<ScriptedHost> {
    const root = await mkdtemp(join(tmpdir(), "fastvm-scripted-"));
    const { tracksWrites } = await PagesHelper.probe();
    const copier = { helper: new PagesHelper(), tracksWrites };
    openSteps();
    const host = new ScriptedHost(
      root,
      await makeTemplate(join(root, "cache", "template")),
      copier,
      poolSize,
      standbySize,
    );
    await recover(host.context);
    await host.fillPool();
    return host;
  }

  private constructor(
    root: string,
    template: Snapshot,
    copier: MemoryCopier,
    poolSize: number,
    standbySize: number,
  ) {
    this.root = root;
    this.#copier = copier;
    this.#standbySize = standbySize;
    this.#poolSize = poolSize;
    this.template = template;
    this.context = this.#newContext();
  }

  /** Only then: a pool that is filled when it likes would be so while a daemon ends. */
  async fillPool(): Promise<void> {
    this.#isFilling = true;
    const { pool, standby } = this.context;
    await Promise.all([pool.serve(this.template), standby.serve(this.template)]);
    // A pool's own refill may be the one that is about to have it full.
    while (pool.ready < this.#poolSize || standby.ready < this.#standbySize) await sleep(1);
    this.#isFilling = false;
  }

  get dataDir(): string {
    return join(this.root, "data");
  }

  spec(): VmSpec {
    return {
      vmId: newVmId(),
      source: { kind: "template" },
      machine: MACHINE,
      diskGib: DISK_GIB,
      identity: { hostname: "probe", envVars: {}, authorizedKeys: [] },
      network: CLOSED,
    };
  }

  child(): ForkChild {
    const { vmId, identity, network } = this.spec();
    return { vmId, identity, network };
  }

  async launch(): Promise<Vm> {
    const spec = this.spec();
    await launch(this.context, spec);
    return this.vm(spec.vmId);
  }

  vm(vmId: VmId): Vm {
    const vm = this.context.vms.get(vmId);
    if (vm === undefined) throw new Error(`there is no VM ${vmId}`);
    return vm;
  }

  /** The QEMU and the guest that a VM has now. */
  of(vm: Vm): ScriptedVm {
    const found = this.#machines.find(({ qemu }) => qemu.process.identity.pid === vm.record.process?.pid);
    if (found === undefined) throw new Error(`VM ${vm.vmId} has no QEMU`);
    return found;
  }

  /** Those that live, whoever's they are. */
  get qemus(): readonly ScriptedQemu[] {
    return this.#machines.map(({ qemu }) => qemu).filter((qemu) => !qemu.hasEnded);
  }

  /** The one that stands by. */
  get standbyQemu(): ScriptedQemu {
    const found = this.qemus.find((qemu) => qemu.commands.at(-1) === "stop");
    if (found === undefined) throw new Error("nobody stands by");
    return found;
  }

  /** The one that the pool gives away next. */
  get nextQemu(): ScriptedQemu {
    const pooled = this.#machines.find(({ qemu }) => !qemu.hasEnded && qemu.commands.length === 0);
    if (pooled === undefined) throw new Error("the pool is empty");
    return pooled.qemu;
  }

  guestOf(qemu: ScriptedQemu): ScriptedGuest {
    const found = this.#machines.find((machine) => machine.qemu === qemu);
    if (found === undefined) throw new Error("no such QEMU");
    return found.guest;
  }

  /** The names of the steps that work passes, in order. */
  async stepsOf(work: () => Promise<unknown>): Promise<readonly StepName[]> {
    const names: StepName[] = [];
    await listening(async (name) => void names.push(name), work);
    return names;
  }

  /** As the work, in which the step of that name fails; only the first time it is passed. */
  async failAt<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    const fail = (): never => {
      // Of the catalogue: for any other it is waited whether the QEMU ends, as that would be why.
      throw new FastvmError("internal", `the test fails it at ${name}`);
    };
    return await this.doAt(name, fail, work);
  }

  /** As the work, in the midst of which something happens. */
  async doAt<T>(name: StepName, happens: () => unknown, work: () => Promise<T>): Promise<T> {
    let isPassed = false;
    const listener = async (passed: StepName): Promise<void> => {
      if (passed !== name || isPassed) return;
      isPassed = true;
      await happens();
    };
    return await listening(listener, work);
  }

  /** Begins work and ends the daemon at the step of that name; another one takes over. Whether it came to that step. */
  async crashAt(name: StepName, work: () => Promise<unknown>): Promise<boolean> {
    const life: Life = { hasEnded: false };
    const crashed = Promise.withResolvers<boolean>();
    const listener = async (passed: StepName): Promise<void> => {
      if (passed !== name || lives.getStore() !== life) return;
      life.hasEnded = true;
      crashed.resolve(true);
    };
    await listening(listener, async () => {
      void lives.run(life, work).then(
        () => crashed.resolve(false),
        () => crashed.resolve(false),
      );
      await crashed.promise;
    });
    await sleep(SETTLE_MS);
    await this.restart();
    return life.hasEnded;
  }

  /** Another daemon on the same data. */
  async restart(): Promise<void> {
    this.context = this.#newContext();
    await recover(this.context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const context of this.#contexts) {
      for (const vm of context.vms.values()) vm.letGo()?.qemu.qmp.close();
      await context.pool.close();
      await context.standby.close();
    }
    for (const { qemu, guest } of this.#machines) {
      await qemu[Symbol.asyncDispose]();
      await guest[Symbol.asyncDispose]();
    }
    this.#copier.helper.close();
    await rm(this.root, { recursive: true, force: true });
    closeSteps();
  }

  #newContext(): WorkerContext {
    const onError = (error: unknown): void => {
      if (error !== NOT_NOW) this.errors.push(error);
    };
    const vms: WorkerContext["vms"] = new Map();
    const config = { dataDir: this.dataDir, reserveMib: 0 };
    const cgroups = {
      list: async () => [],
      processesOf: async () => [],
      remove: async (name: string) => void this.freedGroups.push(name),
      ranOutOfMemory: async () => false,
      takeIntoUse: async () => undefined,
    };
    const context = {
      config,
      accelerator: "tcg",
      compatibility: () => COMPATIBILITY,
      uids: new UidAllocator(UID_BASE),
      cgroups,
      network: undefined,
      overlays: { create: async (path: string) => await writeFile(path, "") },
      copier: this.#copier,
      templates: {
        ensure: async () => this.template,
        tidy: async () => undefined,
        close: async () => undefined,
      },
      vms,
      unreadable: new Set(),
      admission: new Admission(config, vms),
      startTurns: openStartTurns(),
      forward: undefined,
      trust: undefined,
      intercepted: new Intercepted(() => undefined),
      volumes: { recover: async () => undefined },
      onError,
      emit: (event: WorkerEvent) => void this.events.push(event),
      onGuestLost: () => undefined,
    };
    const made = context as unknown as WorkerContext;
    const pool = new ReadyPool<Slot>({
      size: this.#poolSize,
      memoryMib: Infinity,
      servesByFile: MEMORY_FILE,
      open: (template) => this.#openSlot(made, template),
      close: (slot) => closeSlot(made, slot),
      ended: ({ qemu }) => qemu.qmp.closed,
      memoryMibOf: async () => 0,
      onError,
    });
    const standby = new ReadyPool<Standby>({
      size: this.#standbySize,
      memoryMib: Infinity,
      servesByFile: STATE_FILE,
      open: async (template) => {
        if (!this.#mayFill(made) || made.standby.ready >= this.#standbySize) throw NOT_NOW;
        return await standBy(made, await this.#startSlot(made, template), template);
      },
      memoryMibOf: async () => 0,
      close: ({ slot }) => closeSlot(made, slot),
      ended: ({ slot }) => slot.qemu.qmp.closed,
      onError,
    });
    Object.assign(context, { pool, standby });
    this.#contexts.push(made);
    return made;
  }

  /** The timers of a daemon that has ended run on in this process: its pool must not take a present one's turn. */
  #mayFill(context: WorkerContext): boolean {
    return this.#isFilling && context === this.context;
  }

  async #openSlot(context: WorkerContext, template: Snapshot): Promise<Slot> {
    if (!this.#mayFill(context) || context.pool.ready + this.#opening >= this.#poolSize) throw NOT_NOW;
    this.#opening += 1;
    try {
      return await this.#startSlot(context, template);
    } finally {
      this.#opening -= 1;
    }
  }

  async #startSlot(context: WorkerContext, template: Snapshot): Promise<Slot> {
    const uid = context.uids.take();
    const name = newSlotName();
    const folder = join(this.dataDir, "pool", randomUUID());
    const pages = nothingMapped(MACHINE.memoryMib);
    await makeSlotFolder(folder, uid, join(template.folder, MEMORY_FILE), pages, setOf(template));
    await makeRunFolder(folder, uid);
    const qemu = await ScriptedQemu.start(folder, name);
    const guest = await ScriptedGuest.at(join(folder, LINK_SOCKET));
    oblige(qemu, guest);
    // Its sockets are QEMU's.
    void qemu.process.qmp.closed.then(() => (qemu.hasEnded ? guest[Symbol.asyncDispose]() : undefined));
    this.#machines.push({ qemu, guest });
    const { qemu: runs } = COMPATIBILITY;
    const mapped = pages.map;
    return {
      name,
      folder,
      uid,
      network: undefined,
      diskGib: ALLOWED_DISK_GIB,
      qemu: qemu.process,
      runs,
      mapped,
    };
  }
}
