/** Sandboxes: VMs under names that are unique, each with the specification in which it was asked for. */
import { FastvmError, newVmId, normalizeName, type VmId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { SandboxRecord } from "../../store/sandbox-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import { ownsHost } from "../organisations/owns-host.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import type { Parts } from "../context.ts";
import { forkVm } from "../vms/fork.ts";
import { launchVm, type LaunchOrder } from "../vms/launch.ts";
import { forgetSecrets, sealSecrets, withSecrets } from "./unstarted-secrets.ts";
import { withOwnImage } from "../vms/own-image.ts";
import type { StartVmContext } from "../vms/start-order.ts";

/** `vm` is absent of one that was never started. */
export interface Sandbox {
  readonly sandbox: SandboxRecord;
  readonly vm: VmRecord | undefined;
}

/** What a sandbox is recorded as, in nobody's words but for `written`. */
export type SandboxOrder = Pick<SandboxRecord, "name" | "slug" | "labels" | "written">;

type SandboxForkOutcome = { readonly sandbox: Sandbox; readonly of: VmId } | { readonly error: unknown };

const MAX_QUOTED = 80;

export class Sandboxes {
  readonly #ctx: StartVmContext & DeleteVmContext & Parts<"lendRoom">;

  constructor(ctx: StartVmContext & DeleteVmContext & Parts<"lendRoom">) {
    this.#ctx = ctx;
  }

  /** Records it, without a VM; of what it will be launched as only secrets. Rejects with `conflict` when the name is taken. */
  async create(caller: Caller, order: SandboxOrder, launch: LaunchOrder): Promise<Sandbox> {
    await this.#assertMayLaunch(caller, launch);
    const sandbox = this.#recordOf(caller, order, newVmId(), null);
    const secrets = await sealSecrets(this.#ctx, sandbox, launch);
    await this.#ctx.store.transaction(async (records) => {
      await addSandbox(records, sandbox);
      await secrets?.write(records);
    });
    return { sandbox, vm: undefined };
  }

  /** Both or neither are recorded. Resolves when it runs, waits for room, has failed, or takes long. */
  async launch(caller: Caller, order: SandboxOrder, launch: LaunchOrder): Promise<Sandbox> {
    await this.#assertMayLaunch(caller, launch);
    const id = newVmId();
    const sandbox = this.#recordOf(caller, order, id, id);
    await this.#launch(caller, id, launch, (records) => addSandbox(records, sandbox));
    return this.get(caller, id);
  }

  /** The first start of one that was created without. Rejects with `conflict` when it was started meanwhile. */
  async launchCreated(caller: Caller, id: VmId, launch: LaunchOrder): Promise<Sandbox> {
    const whole = await withSecrets(this.#ctx, { orgId: caller.orgId, id }, launch);
    await this.#launch(caller, id, whole, async (records) => {
      if (!(await records.sandboxes.setVm(id, id)))
        throw new FastvmError("conflict", "it was started or deleted meanwhile");
      // From now on they are the VM's.
      await forgetSecrets(records, { orgId: caller.orgId, id });
    });
    return this.get(caller, id);
  }

  /** One capture, and as many that go on from it as there are orders; an outcome for each. Rejects with `conflict` for a taken name. */
  async fork(
    caller: Caller,
    { sandbox, vm }: Sandbox,
    orders: readonly SandboxOrder[],
  ): Promise<readonly SandboxForkOutcome[]> {
    if (vm === undefined) throw new FastvmError("vm_wrong_state", "a sandbox that never ran is not forked");
    const { children } = await forkVm(this.#ctx, caller, vm, {
      count: orders.length,
      names: orders.map(({ name }) => normalizeName(name)),
      settings: {},
      alongside: async (records, made) => {
        for (const [index, { id }] of made.entries()) {
          const order = orders[index];
          if (order !== undefined) await addSandbox(records, this.#recordOf(caller, order, id, id));
        }
      },
    });
    return await Promise.all(
      children.map(async (child) =>
        "error" in child ? child : this.#forked(caller, sandbox.id, child.vm.id),
      ),
    );
  }

  async get(caller: Caller, id: string): Promise<Sandbox> {
    return this.#with(await this.#ctx.store.sandboxes.get(caller.orgId, id), id);
  }

  async getByName(caller: Caller, name: string): Promise<Sandbox> {
    return this.#with(await this.#ctx.store.sandboxes.getByName(caller.orgId, name), name);
  }

  /** Newest first. */
  async list({ orgId }: Caller): Promise<readonly Sandbox[]> {
    const { store } = this.#ctx;
    const sandboxes = await store.sandboxes.list(orgId);
    const vms = new Map((await store.vms.list(orgId, undefined)).map((vm) => [vm.id, vm]));
    return sandboxes
      .map((sandbox) => ({ sandbox, vm: sandbox.vmId === null ? undefined : vms.get(sandbox.vmId) }))
      .filter(({ sandbox, vm }) => sandbox.vmId === null || vm !== undefined);
  }

  /** Of whatever organisation. */
  async existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(await this.#ctx.store.sandboxes.existing(ids));
  }

  /** With its VM, in whatever state that is. */
  async delete(caller: Caller, id: VmId): Promise<void> {
    const wasUnstarted = await this.#ctx.store.transaction(async (records) => {
      await forgetSecrets(records, { orgId: caller.orgId, id });
      return records.sandboxes.removeUnstarted(id);
    });
    if (wasUnstarted) return;
    const { vm } = await this.get(caller, id);
    if (vm !== undefined) await deleteVm(this.#ctx, vm, actorOf(caller));
  }

  /** One that is deleted right then takes no others along. */
  async #forked(caller: Caller, of: VmId, id: VmId): Promise<SandboxForkOutcome> {
    try {
      return { sandbox: await this.get(caller, id), of };
    } catch (error) {
      return { error };
    }
  }

  async #launch(
    caller: Caller,
    vmId: VmId,
    order: LaunchOrder,
    alongside: (records: Records) => Promise<void>,
  ): Promise<void> {
    let isRecorded = false;
    const onRecorded = (): void => {
      isRecorded = true;
    };
    try {
      const own = await withOwnImage(this.#ctx, caller, order);
      await launchVm(this.#ctx, caller, own, { vmId, alongside, onRecorded });
    } catch (error) {
      // From then on the record tells how it went.
      if (!isRecorded) throw error;
    }
  }

  /** What is the host's own is for its owner. */
  async #assertMayLaunch({ orgId }: Caller, { settings, source }: LaunchOrder): Promise<void> {
    const copies = source.kind === "machine" && source.setup?.patches.some(({ kind }) => kind === "copy");
    const publishes = settings.network?.policy.published !== undefined;
    if ((!publishes && copies !== true) || (await ownsHost(this.#ctx.store, orgId))) return;
    const [what, field] = publishes ? ["ports", "network.ports"] : ["files", "patches"];
    const message = `${what} of the host are for keys of its first organisation`;
    throw new FastvmError("insufficient_scope", message, { field });
  }

  #recordOf(caller: Caller, order: SandboxOrder, id: VmId, vmId: VmId | null): SandboxRecord {
    return { ...order, id, orgId: caller.orgId, vmId, createdAt: this.#ctx.clock.now() };
  }

  async #with(sandbox: SandboxRecord | undefined, reference: string): Promise<Sandbox> {
    if (sandbox === undefined) throw noSandbox(reference);
    if (sandbox.vmId === null) return { sandbox, vm: undefined };
    const vm = await this.#ctx.store.vms.get(sandbox.vmId);
    // Deleted between the two.
    if (vm === undefined) throw noSandbox(reference);
    return { sandbox, vm };
  }
}

function noSandbox(reference: string): FastvmError {
  const quoted = JSON.stringify(reference.slice(0, MAX_QUOTED));
  return new FastvmError("not_found", `no sandbox has the id or name ${quoted}`, { field: "sandbox" });
}

async function addSandbox({ sandboxes }: Pick<Records, "sandboxes">, sandbox: SandboxRecord): Promise<void> {
  if (await sandboxes.add(sandbox)) return;
  const taken = `a sandbox has the name ${JSON.stringify(sandbox.name)} already`;
  throw new FastvmError("conflict", taken, { field: "sandbox" });
}
