/** `client.snapshots`: one method per call of the API's snapshot routes, and `restore`. */
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { metadataQuery } from "../vms/vm.ts";
import type { DeletedResource, LaunchParams, Vm } from "../vms/vm.ts";
import type { LaunchWaitOptions, Vms } from "../vms/vms.ts";
import { snapshotIdOf } from "./snapshot.ts";
import type { CreateSnapshotParams, ListSnapshotsParams, Snapshot, SnapshotRef } from "./snapshot.ts";

export class Snapshots {
  readonly #http: HttpClient;
  readonly #vms: Vms;

  constructor(http: HttpClient, vms: Vms) {
    this.#http = http;
    this.#vms = vms;
  }

  /** Saves a running or paused VM, which goes on; resolves when the snapshot is on disk. Never repeated by itself. */
  create(params: CreateSnapshotParams, options?: RequestOptions): ApiPromise<Snapshot> {
    return this.#http.json({
      method: "POST",
      path: "/v1/snapshots",
      body: params,
      attempts: "once",
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }

  list(params: ListSnapshotsParams = {}, options?: RequestOptions): ApiPromise<Snapshot[]> {
    return this.#http.json({
      method: "GET",
      path: "/v1/snapshots",
      query: metadataQuery(params.metadata),
      options,
    });
  }

  retrieve(snapshot: SnapshotRef, options?: RequestOptions): ApiPromise<Snapshot> {
    return this.#http.json({ method: "GET", path: pathOf(snapshot), options });
  }

  /** The same as `retrieve`. */
  get(snapshot: SnapshotRef, options?: RequestOptions): ApiPromise<Snapshot> {
    return this.retrieve(snapshot, options);
  }

  update(
    snapshot: SnapshotRef,
    params: { readonly name?: string | undefined },
    options?: RequestOptions,
  ): ApiPromise<Snapshot> {
    return this.#http.json({ method: "PATCH", path: pathOf(snapshot), body: params, options });
  }

  rename(snapshot: SnapshotRef, name: string, options?: RequestOptions): ApiPromise<Snapshot> {
    return this.update(snapshot, { name }, options);
  }

  /** VMs that were restored from it live on. */
  delete(snapshot: SnapshotRef, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(snapshot), options });
  }

  /** A new VM that goes on where the snapshot was taken; the same as `vms.launch({ snapshotId })`. */
  restore(
    snapshot: SnapshotRef,
    params: Omit<LaunchParams, "snapshotId" | "machineType"> = {},
    options?: RequestOptions,
    wait?: LaunchWaitOptions,
  ): ApiPromise<Vm> {
    return this.#vms.launch({ ...params, snapshotId: snapshotIdOf(snapshot) }, options, wait);
  }
}

function pathOf(snapshot: SnapshotRef): string {
  return joinPath("v1", "snapshots", snapshotIdOf(snapshot));
}
