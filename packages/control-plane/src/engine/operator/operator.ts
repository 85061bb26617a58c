/** What whoever runs the host may ask: over all organisations, and of what belongs to none. */
import { FastvmError, type ImageOwner, type OrgId, type ResourceAmounts } from "@fastvm/contract";
import type { QuarantineEntry } from "../../store/quarantine-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { createKey, recordOf, type KeyOrder, type KeyRecord } from "../keys/api-keys.ts";
import { createOrganisation, findOrganisation } from "../organisations/organisations.ts";
import { endQuarantined } from "../reconcile/quarantine.ts";
import { deleteVm } from "../vms/delete.ts";
import { stopWithHost, type StopWithHostContext } from "./stop-with-host.ts";

import { removeOrganisation } from "./remove-organisation.ts";

const OPERATOR_ACTOR = "operator";

export interface Organisation {
  readonly id: OrgId;
  readonly name: string;
  readonly createdAt: number;
}

export interface Quarantined extends QuarantineEntry {
  /** When it goes, unless somebody says so before. */
  readonly endsAt: number;
}

type OperatorContext = StopWithHostContext & Parts<"log" | "shutdown">;

export class Operator {
  readonly #ctx: OperatorContext;

  constructor(ctx: OperatorContext) {
    this.#ctx = ctx;
  }

  listVms(): Promise<readonly VmRecord[]> {
    return this.#ctx.store.vms.listAll();
  }

  /** By its whole id. It is gone when this resolves. */
  async deleteVm(id: string): Promise<void> {
    await deleteVm(this.#ctx, await this.#vm(id), OPERATOR_ACTOR);
  }

  /** From now on nothing starts by itself, until another daemon has come. */
  beginShutdown(): void {
    this.#ctx.shutdown.begin();
  }

  /** By its whole id. When this resolves it runs no more; `undefined`: nor is it there. */
  async stopVmWithHost(id: string): Promise<VmRecord | undefined> {
    return stopWithHost(this.#ctx, await this.#vm(id), OPERATOR_ACTOR);
  }

  /** What the worker has and no record knows; longest kept first. */
  async listQuarantined(): Promise<readonly Quarantined[]> {
    const { quarantineMs } = this.#ctx.config;
    const entries = await this.#ctx.store.quarantine.list();
    return entries.map((entry) => ({ ...entry, endsAt: entry.foundAt + quarantineMs }));
  }

  /** It is gone when this resolves. */
  async endQuarantined(id: string): Promise<void> {
    const entry = (await this.#ctx.store.quarantine.list()).find((one) => one.id === id);
    if (entry === undefined) throw new FastvmError("not_found", `${id} is not in quarantine`);
    await endQuarantined(this.#ctx, entry);
  }

  listOrganisations(): Promise<readonly Organisation[]> {
    return this.#ctx.store.organisations.list();
  }

  createOrganisation(name: string): Promise<Organisation> {
    const { store, config, clock } = this.#ctx;
    return createOrganisation(store, name, config.defaultLimits, clock);
  }

  /** Of an organisation, by id, name or the beginning of its id: what is named is changed. Resolves to all of them. */
  async setLimits(organisation: string, limits: Partial<ResourceAmounts>): Promise<ResourceAmounts> {
    return await this.#ctx.store.transaction(async (records) => {
      const { id } = await findOrganisation(records, organisation);
      await records.organisations.lock(id);
      const all = { ...(await records.organisations.limits(id)), ...limits };
      await records.organisations.setLimits(id, all);
      return all;
    });
  }

  async removeOrganisation(organisation: string, force: boolean): Promise<Organisation> {
    const { id, name, createdAt } = await removeOrganisation(
      this.#ctx,
      { organisation, force },
      OPERATOR_ACTOR,
    );
    return { id, name, createdAt };
  }

  /** Of one organisation, by id, name or the beginning of its id, or of all; oldest first. */
  async listKeys(organisation?: string): Promise<readonly KeyRecord[]> {
    const { store } = this.#ctx;
    const orgId = organisation === undefined ? undefined : (await findOrganisation(store, organisation)).id;
    return (await store.apiKeys.list(orgId)).map(recordOf);
  }

  /** The key is seen here once and never again. Default: of the first organisation, for FastVM's own API. */
  async createKey(
    order: KeyOrder & { readonly organisation?: string | undefined },
  ): Promise<KeyRecord & { readonly key: string }> {
    const { store, clock } = this.#ctx;
    const { id } = await findOrganisation(store, order.organisation);
    return await createKey(store, id, order, clock);
  }

  /** An organisation, by id, name or the beginning of its id, as an owner of images; without one, everybody. */
  async imageOwner(organisation: string | undefined): Promise<ImageOwner> {
    if (organisation === undefined) return "everybody";
    return (await findOrganisation(this.#ctx.store, organisation)).id;
  }

  async removeKey(id: string): Promise<void> {
    if (!(await this.#ctx.store.apiKeys.remove(id)))
      throw new FastvmError("not_found", `there is no key ${id}`);
  }

  async #vm(id: string): Promise<VmRecord> {
    const vm = (await this.listVms()).find((one) => one.id === id);
    if (vm === undefined) throw new FastvmError("not_found");
    return vm;
  }
}
