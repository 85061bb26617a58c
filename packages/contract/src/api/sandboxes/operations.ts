/** Every operation of the API of sandboxes, as data: requests are checked with these schemas, openapi.json is generated from them. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { SANDBOX_SNAPSHOT_OPERATIONS } from "./snapshot-operations.ts";
import { SANDBOX_VOLUME_OPERATIONS } from "./volume-operations.ts";
import { SandboxMetricsSchema } from "./schemas/metrics.ts";
import { LogLineSchema, MessageSchema, SandboxListSchema, SandboxSchema } from "./schemas/sandbox.ts";

const BY_ID = "/v1/sandboxes/{sandboxId}";
const BY_NAME = "/v1/sandboxes/by-name/{name}";

const GUEST = ["guest_unresponsive", "vm_died"] as const;
const START = [
  ...GUEST,
  "launch_failed",
  "network_failed",
  "out_of_capacity",
  "quota_exceeded",
  "image_invalid",
  "vm_wrong_state",
  "volume_not_ready",
  "volume_busy",
  "host_mount_denied",
  "not_supported",
] as const;

/** Clients wait 90 s, and give up after 95. */
const MAX_WAIT_SEC = 90;

const WAIT = {
  wait_for: Type.Optional(
    Type.String({ description: "`running`: the answer waits until it is, or failed." }),
  ),
  wait_timeout: Type.Optional(
    Type.Integer({ minimum: 0, maximum: MAX_WAIT_SEC, description: "In seconds. Default 90." }),
  ),
};

const EmptyBodySchema = Type.Object({}, { additionalProperties: false, title: "EmptyBody" });

/** Which of three forms it has its `image` says; each is then checked by a schema of its own, field by field. */
const CreateBodySchema = Type.Object(
  {},
  {
    additionalProperties: true,
    title: "CreateSandboxBody",
    description: "A `SandboxSpec`, a `CloudCreateSandboxRequest`, or the specification of the local client.",
  },
);

const start = <const Path extends string>(path: Path) =>
  ({
    method: "POST",
    path: `${path}/start`,
    tag: "Sandboxes",
    summary: "Start a sandbox that does not run",
    query: Type.Object(WAIT),
    body: EmptyBodySchema,
    responses: { 200: SandboxSchema },
    errors: [...START],
  }) as const;

const stop = <const Path extends string>(path: Path) =>
  ({
    method: "POST",
    path: `${path}/stop`,
    tag: "Sandboxes",
    summary: "Stop a sandbox; its disk is kept",
    body: EmptyBodySchema,
    responses: { 200: SandboxSchema },
    errors: [...GUEST, "vm_wrong_state", "not_supported"],
  }) as const;

const get = <const Path extends string>(path: Path) =>
  ({
    method: "GET",
    path,
    tag: "Sandboxes",
    summary: "Read a sandbox",
    responses: { 200: SandboxSchema },
    errors: [],
  }) as const;

const remove = <const Path extends string>(path: Path) =>
  ({
    method: "DELETE",
    path,
    tag: "Sandboxes",
    summary: "Delete a sandbox, with all that is in it",
    responses: { 200: MessageSchema },
    errors: [...GUEST],
  }) as const;

export const SANDBOX_OPERATIONS = {
  createSandbox: {
    method: "POST",
    path: "/v1/sandboxes",
    tag: "Sandboxes",
    summary: "Create a sandbox, and start it where the query says so",
    query: Type.Object({
      start: Type.Optional(Type.Boolean({ description: "Whether it is started. Default false." })),
      ...WAIT,
    }),
    body: CreateBodySchema,
    responses: { 200: SandboxSchema },
    errors: [...START],
  },
  listSandboxes: {
    method: "GET",
    path: "/v1/sandboxes",
    tag: "Sandboxes",
    summary: "List sandboxes, newest first",
    query: Type.Object({
      cursor: Type.Optional(Type.String({ description: "From the page before." })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: "Default 20." })),
      labels: Type.Optional(
        Type.String({ description: "A JSON object: sandboxes that have each of its pairs." }),
      ),
    }),
    responses: { 200: SandboxListSchema },
    errors: [],
  },
  getSandboxByName: get(BY_NAME),
  startSandboxByName: start(BY_NAME),
  stopSandboxByName: stop(BY_NAME),
  deleteSandboxByName: remove(BY_NAME),
  getSandbox: get(BY_ID),
  startSandbox: start(BY_ID),
  stopSandbox: stop(BY_ID),
  deleteSandbox: remove(BY_ID),
  followSandboxLogs: {
    method: "GET",
    path: `${BY_ID}/logs`,
    tag: "Sandboxes",
    scope: "run",
    summary: "Follow what commands print, and what happens",
    description:
      "Events `log`, whose `id` in a header `last-event-id` goes on after it, and an event `end` before clients' time is over. " +
      "What commands printed over agents' sockets is kept on the host's disk until the sandbox is deleted, " +
      "in four files of 10 MiB that take turns.",
    query: Type.Object({
      sources: Type.Optional(
        Type.String({ description: "Of `stdout,stderr,output,system`. Default: without `system`." }),
      ),
    }),
    responses: { 200: undefined },
    sse: LogLineSchema,
    errors: [],
  },
  getSandboxMetrics: {
    method: "GET",
    path: `${BY_ID}/metrics`,
    tag: "Sandboxes",
    summary: "Read what a sandbox used",
    description:
      "Samples as often as `metrics_sample_interval_ms` says, the newest 3,600 since this server first saw it run; without it those " +
      "of the last hour that the host takes of every VM. The last one is of now.",
    responses: { 200: SandboxMetricsSchema },
    errors: ["not_supported"],
  },
  ...SANDBOX_SNAPSHOT_OPERATIONS,
  ...SANDBOX_VOLUME_OPERATIONS,
} as const satisfies Record<string, Operation>;
