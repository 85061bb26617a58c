/**
 * The one interface between the control plane, which owns records, and a worker, which owns VMs. In process on one
 * machine, over a wire on many. Every method rejects with a FastvmError whose code is in the catalogue, or with the reason of the signal that it
 * was given; a method that rejects has left nothing behind unless it says so. What that means is held by `testing/worker-conformance.ts`,
 * to which every worker is put.
 */
import type { GuestAccess } from "./guest-access.ts";
import type { HostState } from "./host-state.ts";
import type { SnapshotHolding } from "./snapshot-holding.ts";
import type { VmTransitions } from "./vm-transitions.ts";

export interface WorkerPort extends VmTransitions, SnapshotHolding, GuestAccess, HostState {}
