/** Snapshots by what their callers call them, as VMs are. */
import { FastvmError, type SnapshotId } from "@fastvm/contract";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import { findSnapshot, findVm, notFound } from "../find.ts";
import { createSnapshot, type CreateSnapshotOptions, type MadeSnapshot } from "./create-snapshot.ts";
import { deleteSnapshot, type DeleteSnapshotContext } from "./delete-snapshot.ts";
import { renameSnapshot } from "./rename-snapshot.ts";

/** In which the worker says what a snapshot is made of. */
const MANIFEST = "manifest.json";

export class Snapshots {
  readonly #ctx: DeleteSnapshotContext;

  constructor(ctx: DeleteSnapshotContext) {
    this.#ctx = ctx;
  }

  get(caller: Caller, reference: string): Promise<SnapshotRecord> {
    return findSnapshot(this.#ctx, caller, reference);
  }

  /** Newest first. */
  list(caller: Caller): Promise<readonly SnapshotRecord[]> {
    return this.#ctx.store.snapshots.list(caller.orgId);
  }

  /** Resolves when it is durable. `name` is normalised; empty for the default. Of one pause of a VM there is one snapshot. */
  async create(
    caller: Caller,
    vm: string,
    name: string,
    options: CreateSnapshotOptions = {},
  ): Promise<MadeSnapshot> {
    return createSnapshot(this.#ctx, caller, await findVm(this.#ctx, caller, vm), name, options);
  }

  /** `name` is normalised, and not empty. */
  async rename(caller: Caller, reference: string, name: string): Promise<SnapshotRecord> {
    return renameSnapshot(this.#ctx, caller, await this.get(caller, reference), name);
  }

  /**
   * The files that are not what they were when it was made, or missing, as was written down then; `invalid_request` where it was not.
   */
  async verify(caller: Caller, reference: string): Promise<readonly string[]> {
    const { id, status, integrity } = await this.get(caller, reference);
    if (status !== "ready") throw new FastvmError("snapshot_wrong_state", `it is ${status}`);
    if (integrity === null)
      throw new FastvmError("invalid_request", "nothing was recorded of its files when it was made", {
        field: "snapshot",
      });
    const now = await this.#digestsOf(id);
    // Deleted while its files were read, some of which were gone by then.
    const after = await this.#ctx.store.snapshots.get(id);
    if (after?.status !== "ready") throw notFound("snapshot", reference, "snapshot");
    // Without a manifest that is whole nobody knows which files should not be there.
    const isKnown = now[MANIFEST] === integrity[MANIFEST];
    const paths = new Set([...Object.keys(integrity), ...(isKnown ? Object.keys(now) : [])]);
    return [...paths].filter((path) => integrity[path] !== now[path]).toSorted();
  }

  /** None where the worker has no such snapshot. */
  async #digestsOf(id: SnapshotId): Promise<Readonly<Record<string, string>>> {
    try {
      return await this.#ctx.worker.digestSnapshot(id);
    } catch (error) {
      if (error instanceof FastvmError && error.code === "not_found") return {};
      throw error;
    }
  }

  /** Resolves, when it is gone, to its id. */
  async delete(caller: Caller, reference: string): Promise<SnapshotId> {
    const snapshot = await this.get(caller, reference);
    await deleteSnapshot(this.#ctx, snapshot, actorOf(caller));
    return snapshot.id;
  }
}
