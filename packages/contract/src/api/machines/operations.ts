/** Every operation of the API of machines, as data: requests are checked with these schemas, openapi.json is generated from them. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { GUEST_OPERATIONS } from "./guest-operations.ts";
import { SESSION_OPERATIONS } from "./session-operations.ts";
import { SEARCH_OPERATIONS } from "./search-operations.ts";
import { TRANSFER_OPERATIONS } from "./transfer-operations.ts";
import { WARM_POOL_OPERATIONS } from "./warm-pool-operations.ts";
import { TEMPLATE_OPERATIONS } from "./template-operations.ts";
import { VOLUME_OPERATIONS } from "./volume-operations.ts";
import { WEBHOOK_OPERATIONS } from "./webhook-operations.ts";
import { PREVIEW_OPERATIONS } from "./preview-operations.ts";
import { CreateMachineBodySchema, EmptyBodySchema, SetTimeoutBodySchema } from "./schemas/create.ts";
import {
  DestroyedSchema,
  LeaseSchema,
  MachineListSchema,
  MachineSchema,
  MaskedMachineSchema,
} from "./schemas/machine.ts";
import {
  AccountLifecycleQuerySchema,
  LifecycleListSchema,
  LifecycleQuerySchema,
} from "./schemas/lifecycle.ts";
import { DeletedSnapshotSchema, MachineSnapshotSchema, SnapshotListSchema } from "./schemas/snapshot.ts";

const MACHINE = "/v1/machines/{machineId}";
const SNAPSHOT = "/v1/snapshots/{snapshotId}";

const fields = Type.Optional(
  Type.String({ description: "Names of fields, separated by commas: the answer has these and no others." }),
);

const GUEST = ["guest_unresponsive", "vm_died"] as const;
const START = [...GUEST, "launch_failed", "network_failed", "out_of_capacity", "quota_exceeded"] as const;

export const MACHINE_OPERATIONS = {
  createMachine: {
    method: "POST",
    path: "/v1/machines",
    tag: "Machines",
    summary: "Create a machine from a template or a reusable snapshot",
    description:
      "201: it runs, or is `creating` where the host is full or slow, and starts by itself. " +
      "With `Idempotency-Key`, however often it is sent, one machine is made and one answer is given for it.",
    body: CreateMachineBodySchema,
    responses: { 201: MachineSchema },
    errors: [
      ...START,
      "snapshot_wrong_state",
      "snapshot_incompatible",
      "image_invalid",
      "vm_wrong_state",
      "volume_busy",
      "volume_not_ready",
    ],
  },
  listMachines: {
    method: "GET",
    path: "/v1/machines",
    tag: "Machines",
    summary: "List machines, newest first",
    description: "With any parameter an object with a page of them, without one the bare list of all.",
    query: Type.Object({
      state: Type.Optional(
        Type.String({ description: "Machines in one of these states, separated by commas." }),
      ),
      template: Type.Optional(Type.String({ description: "Machines of this template." })),
      metadata: Type.Optional(
        Type.String({ description: "A JSON object: machines whose metadata has each of its pairs." }),
      ),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 100, description: "Of a page; default 100." }),
      ),
      next_token: Type.Optional(Type.String({ description: "From the page before." })),
      fields,
    }),
    responses: { 200: MachineListSchema },
    errors: [],
  },
  getMachine: {
    method: "GET",
    path: MACHINE,
    tag: "Machines",
    summary: "Read a machine",
    description: "Wakes nothing.",
    query: Type.Object({ fields }),
    responses: { 200: Type.Union([MachineSchema, MaskedMachineSchema]) },
    errors: [],
  },
  destroyMachine: {
    method: "DELETE",
    path: MACHINE,
    tag: "Machines",
    summary: "Destroy a machine, under whichever id it had or has",
    responses: { 200: DestroyedSchema },
    errors: [...GUEST],
  },
  setMachineTimeout: {
    method: "POST",
    path: `${MACHINE}/timeout`,
    tag: "Machines",
    summary: "Begin the timeout anew",
    body: SetTimeoutBodySchema,
    responses: { 200: LeaseSchema },
    errors: ["vm_wrong_state"],
  },
  hibernateMachine: {
    method: "POST",
    path: `${MACHINE}/hibernate`,
    tag: "Machines",
    summary: "Pause a machine: its memory goes to disk",
    body: EmptyBodySchema,
    responses: { 200: MachineSnapshotSchema },
    errors: [...GUEST, "vm_wrong_state", "capture_failed"],
  },
  pauseMachine: {
    method: "POST",
    path: `${MACHINE}/pause`,
    tag: "Machines",
    summary: "The same as hibernate",
    body: EmptyBodySchema,
    responses: { 200: MachineSnapshotSchema },
    errors: [...GUEST, "vm_wrong_state", "capture_failed"],
  },
  resumeMachine: {
    method: "POST",
    path: `${MACHINE}/resume`,
    tag: "Machines",
    summary: "Resume a paused machine under a new id, by the snapshot of its pause or by an id of its own",
    body: EmptyBodySchema,
    responses: { 201: MachineSchema },
    errors: [...START, "vm_wrong_state", "snapshot_incompatible"],
  },
  forkMachine: {
    method: "POST",
    path: `${MACHINE}/fork`,
    tag: "Machines",
    summary: "Make a machine that goes on from where this one is",
    body: EmptyBodySchema,
    responses: { 201: MachineSchema },
    errors: [...START, "vm_wrong_state", "capture_failed", "snapshot_incompatible"],
  },
  createMachineSnapshot: {
    method: "POST",
    path: `${MACHINE}/snapshots`,
    tag: "Snapshots",
    summary: "Make a reusable snapshot of a machine",
    body: EmptyBodySchema,
    responses: { 201: MachineSnapshotSchema },
    errors: [...GUEST, "vm_wrong_state", "capture_failed", "quota_exceeded"],
  },
  listMachineSnapshots: {
    method: "GET",
    path: "/v1/snapshots",
    tag: "Snapshots",
    summary: "List reusable snapshots, newest first",
    query: Type.Object({
      machine_id: Type.Optional(Type.String({ description: "Those of this machine." })),
    }),
    responses: { 200: SnapshotListSchema },
    errors: [],
  },
  getMachineSnapshot: {
    method: "GET",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Read a reusable snapshot, or that of a pause",
    responses: { 200: MachineSnapshotSchema },
    errors: [],
  },
  deleteMachineSnapshot: {
    method: "DELETE",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Delete a reusable snapshot",
    responses: { 200: DeletedSnapshotSchema },
    errors: ["snapshot_wrong_state"],
  },
  listMachineLifecycle: {
    method: "GET",
    path: `${MACHINE}/lifecycle`,
    tag: "Lifecycle",
    summary: "What happened to a machine and to snapshots of it, also after its end",
    description: "The same as it happens: a WebSocket at `…/lifecycle/ws`.",
    query: LifecycleQuerySchema,
    responses: { 200: LifecycleListSchema },
    errors: [],
  },
  listLifecycle: {
    method: "GET",
    path: "/v1/lifecycle",
    tag: "Lifecycle",
    summary: "What happened to all machines and snapshots of the account",
    description:
      "The same as it happens: a WebSocket at `/v1/lifecycle/ws`, with the same filters and `metadata`.",
    query: AccountLifecycleQuerySchema,
    responses: { 200: LifecycleListSchema },
    errors: [],
  },
  ...GUEST_OPERATIONS,
  ...SESSION_OPERATIONS,
  ...TRANSFER_OPERATIONS,
  ...SEARCH_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...PREVIEW_OPERATIONS,
  ...WARM_POOL_OPERATIONS,
  ...TEMPLATE_OPERATIONS,
  ...VOLUME_OPERATIONS,
} as const satisfies Record<string, Operation>;

export type MachineOperationId = keyof typeof MACHINE_OPERATIONS;
