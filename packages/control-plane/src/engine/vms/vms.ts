/** VMs by what their callers call them: id, unique name or unique id prefix, within the caller's organisation. */
import type {
  IdlePolicy,
  MaxLife,
  NetworkReport,
  RestartPolicy,
  Ttl,
  UsageHistory,
  VmId,
  VmLog,
  VmUsage,
} from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { findVm } from "../find.ts";
import { BriefRuns } from "./brief-runs.ts";
import { changeVm } from "./change-vm.ts";
import { changeNetwork } from "../network/change-network.ts";
import type { GivenInterception } from "../interception/given.ts";
import { changeOfInterception } from "../interception/write-interception.ts";
import { tellOwed } from "../owed/tell-owed.ts";
import { DEADLINE } from "./deadline.ts";
import { deleteVm, type DeleteVmContext } from "./delete.ts";
import { forkVm, type ForkedVms, type ForkOrder } from "./fork.ts";
import { replacePolicies } from "./lifecycle-policy.ts";
import { launchVm, type LaunchOptions, type LaunchOrder } from "./launch.ts";
import { withOwnImage } from "./own-image.ts";
import { ofWorker } from "./of-worker.ts";
import { pauseVm } from "./pause.ts";
import { resumeVm } from "./resume.ts";
import { restartVm, startVm, type StartVmOrder } from "./start.ts";
import { stopVm, type StopOrder } from "./stop.ts";
import { refreshTtl, replaceTtl } from "./ttl.ts";
import { wrongState } from "../states/wrong-state.ts";
import type { StartVmContext } from "./start-order.ts";

/** What is left out stays. */
export interface VmChange {
  /** Normalised, and not empty. */
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly autoResume?: boolean;
  readonly restartPolicy?: RestartPolicy;
  /** `null`: none any more; so below. */
  readonly ttl?: Ttl | null;
  readonly maxLife?: MaxLife | null;
  readonly idle?: IdlePolicy | null;
  /** In force when it is told. */
  readonly interception?: GivenInterception;
}

/** A VM, and what only its worker knows: absent of one that it does not have. */
export interface VmFigures {
  readonly vm: VmRecord;
  readonly usage: VmUsage | undefined;
  readonly network: NetworkReport | undefined;
}

type VmsContext = StartVmContext & DeleteVmContext & Parts<"activity">;

export class Vms {
  readonly #ctx: VmsContext;
  readonly #briefRuns = new BriefRuns();

  constructor(ctx: VmsContext) {
    this.#ctx = ctx;
  }

  async get(caller: Caller, reference: string): Promise<VmRecord> {
    return this.#asUsed(await findVm(this.#ctx, caller, reference));
  }

  /** Throws `vm_wrong_state` with the rule for one that does not run. */
  async getRunning(caller: Caller, reference: string, rule: string): Promise<VmRecord> {
    const vm = await this.get(caller, reference);
    if (vm.status !== "running") throw wrongState(vm, rule);
    return vm;
  }

  /** Newest first. A status that does not exist matches nothing. */
  async list(caller: Caller, statuses?: readonly string[]): Promise<readonly VmRecord[]> {
    const vms = await this.#ctx.store.vms.list(caller.orgId, statuses);
    return vms.map((vm) => this.#asUsed(vm));
  }

  /** Resolves to the VM in `running`, or in `provisioning` when it waits for room or takes long. */
  async launch(caller: Caller, order: LaunchOrder, options?: LaunchOptions): Promise<VmRecord> {
    return launchVm(this.#ctx, caller, await withOwnImage(this.#ctx, caller, order), options);
  }

  /** Living VMs that an order with this key made since the given instant, newest first. */
  listOfOrder(caller: Caller, repeatKey: string, since: number): Promise<readonly VmRecord[]> {
    return this.#ctx.store.vms.listByFingerprint(caller.orgId, repeatKey, since);
  }

  /** The VM after its launch, when that is under way here; `undefined` when it is gone. */
  async launched(vmId: VmId): Promise<VmRecord | undefined> {
    await this.#ctx.inflight.join(vmId, "launch");
    return this.#ctx.store.vms.get(vmId);
  }

  /** All children or none begin; each then runs or fails by itself. */
  async fork(caller: Caller, reference: string, order: ForkOrder): Promise<ForkedVms> {
    return forkVm(this.#ctx, caller, await this.get(caller, reference), order);
  }

  /** Idempotent. */
  async pause(caller: Caller, reference: string): Promise<VmRecord> {
    return pauseVm(this.#ctx, await this.get(caller, reference), actorOf(caller));
  }

  /** Resolves to the VM in `running`, or in `resuming` when it waits for room or takes long. Idempotent. */
  async resume(caller: Caller, reference: string): Promise<VmRecord> {
    return resumeVm(this.#ctx, await this.get(caller, reference), actorOf(caller));
  }

  /** Its disk is kept. Resolves to the VM in `stopped`, or as it was when that takes long. Idempotent. */
  async stop(caller: Caller, reference: string, order: StopOrder): Promise<VmRecord> {
    return stopVm(this.#ctx, await this.get(caller, reference), order, actorOf(caller));
  }

  /** Resolves to the VM in `provisioning` at once. Idempotent. */
  async start(caller: Caller, reference: string, order: StartVmOrder): Promise<VmRecord> {
    const vm = await this.get(caller, reference);
    this.keepRunning(vm);
    const started = await startVm(this.#ctx, vm, order, actorOf(caller));
    // Again: a brief run that began meanwhile may have joined this start.
    this.keepRunning(vm);
    return started;
  }

  /** Of one that is stopped: it is started for the work, and stopped again unless somebody else starts it by then. */
  async runFor<T>(caller: Caller, reference: string, work: () => Promise<T>): Promise<T> {
    const { id } = await this.get(caller, reference);
    const start = async (): Promise<void> => {
      const vm = await this.get(caller, id);
      if (vm.status !== "stopped") throw wrongState(vm, "only a stopped VM is started for a while");
      await startVm(this.#ctx, vm, {}, actorOf(caller));
    };
    const stop = (): Promise<VmRecord> => this.stop(caller, id, {});
    return this.#briefRuns.during(id, { start, stop }, work);
  }

  /** Whoever started it for a while only is not to stop it. */
  keepRunning({ id }: Pick<VmRecord, "id">): void {
    this.#briefRuns.want(id);
  }

  /** The same; of a stopped VM it is a start. */
  async restart(caller: Caller, reference: string, order: StopOrder): Promise<VmRecord> {
    const vm = await this.get(caller, reference);
    this.keepRunning(vm);
    return restartVm(this.#ctx, vm, order, actorOf(caller));
  }

  /** Accepted in every state. Resolves, when it is gone, to its id. */
  async delete(caller: Caller, reference: string): Promise<VmId> {
    const vm = await this.get(caller, reference);
    await deleteVm(this.#ctx, vm, actorOf(caller));
    return vm.id;
  }

  async change(caller: Caller, reference: string, { interception, ...change }: VmChange): Promise<VmRecord> {
    if (interception === undefined) return this.#change(caller, reference, change);
    // First: of all of it this alone may be refused.
    const { id } = await this.get(caller, reference);
    const changed = await changeOfInterception(this.#ctx, caller.orgId, interception);
    const vm = await changeNetwork(this.#ctx, id, (now) => ({ interception: changed(now.interception) }));
    return Object.keys(change).length === 0 ? vm : this.#change(caller, id, change);
  }

  async #change(
    caller: Caller,
    reference: string,
    change: Omit<VmChange, "interception">,
  ): Promise<VmRecord> {
    const { ttl, maxLife, idle, ...others } = change;
    const policies = {
      ...(maxLife === undefined ? {} : { maxLife }),
      ...(idle === undefined ? {} : { idle }),
    };
    const changes = { ...others, ...replacePolicies(policies, this.#ctx.clock.now()) };
    if (ttl === undefined) return changeVm(this.#ctx, caller, reference, () => changes);
    return this.#changeDeadline(caller, reference, (vm, now) => ({
      ...changes,
      ...replaceTtl(vm, ttl, now),
    }));
  }

  /** A time to live from now on, which what is there may decide. */
  async renewTtl(caller: Caller, reference: string, renew: (vm: VmRecord) => Ttl): Promise<VmRecord> {
    return this.#changeDeadline(caller, reference, (vm, now) => replaceTtl(vm, renew(vm), now));
  }

  /** The same time to live from its start. */
  async refreshTtl(caller: Caller, reference: string): Promise<VmRecord> {
    return this.#changeDeadline(caller, reference, refreshTtl);
  }

  async figures(caller: Caller, reference: string): Promise<VmFigures> {
    const { id } = await this.get(caller, reference);
    const [usage, network] = await Promise.all([
      ofWorker(() => this.#ctx.worker.stats(id)),
      ofWorker(() => this.#ctx.worker.networkReport(id)),
    ]);
    // Read afterwards: its status and what it uses belong together.
    return { vm: await this.get(caller, id), usage, network };
  }

  /** `undefined` when its worker does not have it. */
  async usageHistory(caller: Caller, reference: string): Promise<UsageHistory | undefined> {
    const { id } = await this.get(caller, reference);
    return ofWorker(() => this.#ctx.worker.usageHistory(id));
  }

  async log(caller: Caller, reference: string): Promise<VmLog | undefined> {
    const { id } = await this.get(caller, reference);
    return ofWorker(() => this.#ctx.worker.consoleLog(id));
  }

  /** With its last use as it is known here: the record may be seconds behind. */
  #asUsed(vm: VmRecord): VmRecord {
    return { ...vm, lastActiveAt: this.#ctx.activity.lastUsed(vm.id, vm.lastActiveAt) };
  }

  async #changeDeadline(
    caller: Caller,
    reference: string,
    change: (vm: VmRecord, now: number) => VmChanges,
  ): Promise<VmRecord> {
    const { clock } = this.#ctx;
    const changed = await changeVm(
      this.#ctx,
      caller,
      reference,
      (vm) => change(vm, clock.now()),
      DEADLINE.kind,
    );
    await tellOwed(this.#ctx, [DEADLINE], changed.id);
    return changed;
  }
}
