/** A daemon on a disk that forgets, the snapshot that all VMs of it come from, and the cutting of its power. */
import { join } from "node:path";
import { FastvmClient } from "fastvm";
import type { Snapshot, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { ForgetfulFilesystem } from "../harness/forgetful-filesystem.ts";
import { askKeeper, sh, startKeeper } from "../harness/keeper.ts";
import type { Memory } from "../harness/keeper.ts";
import { everyPidIn } from "../harness/processes.ts";
import { prepareToWrite } from "./writer.ts";

export const NOTE = "/root/note";
export const NOTED = "from before";

/** The kernel takes a process's memory back within it. */
const END_MS = 30_000;

export class PowerStage implements AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly #disk: ForgetfulFilesystem;
  /** What was in memory when the base was captured. */
  readonly memory: Memory;
  readonly base: Snapshot;

  static async make(seed: number): Promise<PowerStage> {
    await using made = new AsyncDisposableStack();
    const disk = made.use(await ForgetfulFilesystem.mount(seed));
    const settings = { network: "none" } as const;
    const daemon = made.use(
      await TestDaemon.start({ dataDir: join(disk.folder, "data"), poolSize: 0, settings }),
    );
    const { client } = daemon;
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const memory = await startKeeper(client, vm);
    await prepareToWrite(client, vm);
    await sh(client, vm, `echo ${NOTED} > ${NOTE}; sync ${NOTE} /root`);
    const base = await client.snapshots.create({ vmId: vm.id });
    await client.vms.delete(vm);
    made.move();
    return new PowerStage(disk, daemon, base, memory);
  }

  private constructor(disk: ForgetfulFilesystem, daemon: TestDaemon, base: Snapshot, memory: Memory) {
    this.#disk = disk;
    this.daemon = daemon;
    this.base = base;
    this.memory = memory;
  }

  /** What was cut short is not tried again: it would be done by the next daemon. */
  get client(): FastvmClient {
    return new FastvmClient({ apiKey: this.daemon.apiKey, baseUrl: this.daemon.url, maxRetries: 0 });
  }

  get dataDir(): string {
    return this.daemon.config.dataDir;
  }

  /** Resolves once everything that ran is dead. */
  async cutPower(daemonPid: number): Promise<void> {
    this.#disk.cutPower();
    process.kill(daemonPid, "SIGKILL");
    // Again and again: one that was being started is found a moment later.
    await eventually(async () => {
      const left = await everyPidIn(this.dataDir);
      for (const pid of left) killProcess(pid);
      if (left.length > 0) throw new Error(`${left.length} processes are left of a host without power`);
    }, END_MS);
  }

  async bringPowerBack(): Promise<void> {
    await this.#disk.bringPowerBack();
    await this.daemon.restart();
  }

  /** It goes on from where the base was captured. */
  async expectContinues(vm: Pick<Vm, "id">): Promise<void> {
    const now = await askKeeper(this.client, vm);
    const { secret, pid, startedAt, count } = this.memory;
    const isSame = now.secret === secret && now.pid === pid && now.startedAt === startedAt;
    if (!isSame || now.count < count) throw new Error(`VM ${vm.id} has lost its memory`);
    const note = await sh(this.client, vm, `cat ${NOTE}`);
    if (note !== NOTED) throw new Error(`VM ${vm.id} noted "${note}"`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.daemon[Symbol.asyncDispose]();
    } finally {
      await this.#disk[Symbol.asyncDispose]();
    }
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
