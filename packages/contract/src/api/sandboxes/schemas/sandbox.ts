/** A sandbox as answers show it to clients of both generations, and lists of them. */
import { Type, type Static } from "typebox";
import { FlatSpecSchema } from "./flat.ts";
import { instant, oneOf, orNull } from "./parts.ts";
import { SandboxSpecSchema } from "./spec.ts";

const SANDBOX_STATUSES = ["created", "starting", "running", "stopping", "stopped", "failed"] as const;
export type SandboxStatus = (typeof SANDBOX_STATUSES)[number];

export const SandboxSchema = Type.Object(
  {
    id: Type.String({ description: "UUID; that of its VM, as the other APIs call it." }),
    org_id: Type.String({ description: "UUID." }),
    name: Type.String(),
    slug: Type.String(),
    status: oneOf(SANDBOX_STATUSES),
    status_reason: orNull(oneOf(["scheduling", "insufficient_capacity"], "While it is starting.")),
    spec: SandboxSpecSchema,
    config: FlatSpecSchema,
    ephemeral: Type.Boolean(),
    created_at: instant(""),
    started_at: orNull(instant("")),
    stopped_at: orNull(instant("")),
    last_failure_message: orNull(Type.String()),
    last_error: orNull(Type.String({ description: "The same, for clients of the flat generation." })),
  },
  { title: "CloudSandbox" },
);
export type SandboxView = Static<typeof SandboxSchema>;

export const SandboxListSchema = Type.Object(
  {
    data: Type.Array(SandboxSchema),
    next_cursor: orNull(Type.String({ description: "For the next page; null on the last." })),
    has_more: Type.Boolean(),
  },
  { title: "CloudPaginated" },
);

export const LogLineSchema = Type.Object(
  {
    source: oneOf(["stdout", "stderr", "output", "system"], "`output`: of a terminal."),
    ts: instant(""),
    text: Type.String({ description: "As it was printed; not a line of its own." }),
  },
  { title: "LogLine" },
);

export const MessageSchema = Type.Object({ message: Type.String() }, { title: "CloudMessageResponse" });
