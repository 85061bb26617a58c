/**
 * The one interface between the control plane, which owns records, and a worker, which owns VMs. In process on
 * one machine, over a wire on many. Every method rejects with a FastvmError whose code is in the catalogue, with
 * the reason of the signal that it was given, or with an error of another kind, which is a bug or a broken host;
 * all but the signal's have a form for the wire (`errors/error-wire.ts`). A method that rejects has left nothing
 * behind unless it says so. All of this is held by `testing/worker-conformance.ts`, to which every worker is put.
 */
import type { GuestAccess } from "./guest-access.ts";
import type { HostState } from "./host-state.ts";
import type { ImageBuilds } from "./image-builds.ts";
import type { SnapshotHolding } from "./snapshot-holding.ts";
import type { VolumeHolding } from "./volume-holding.ts";
import type { VmTransitions } from "./vm-transitions.ts";

export interface WorkerPort extends VmTransitions, SnapshotHolding, GuestAccess, HostState {
  readonly builds: ImageBuilds;
  readonly volumes: VolumeHolding;
}
