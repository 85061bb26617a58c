/** Operations about a machine's network: its ports by URL, and what it may reach. */
import type { Operation } from "../operation.ts";
import { EgressAnswerSchema, UpdateEgressBodySchema } from "./schemas/network.ts";
import {
  GetHostBodySchema,
  MachineHostSchema,
  PreviewGrantListSchema,
  PreviewGrantsQuerySchema,
  ProxyTargetBodySchema,
  ProxyTargetSchema,
  ReadinessBodySchema,
  ReadinessSchema,
  RevokedGrantSchema,
  SignedPreviewUrlBodySchema,
  SignedPreviewUrlSchema,
} from "./schemas/preview.ts";

const MACHINE = "/v1/machines/{machineId}";
const PORT = `${MACHINE}/ports/{port}`;

export const PREVIEW_OPERATIONS = {
  getMachineHost: {
    method: "POST",
    path: `${MACHINE}/host`,
    tag: "Previews",
    summary: "Where a port is reached, with signed URLs of the default length",
    body: GetHostBodySchema,
    responses: { 200: MachineHostSchema },
    errors: ["quota_exceeded"],
  },
  createSignedPreviewUrl: {
    method: "POST",
    path: `${PORT}/signed-preview-url`,
    tag: "Previews",
    summary: "Make signed URLs of a port, for HTTP and for WebSockets",
    description: "They wake a paused machine that lets requests do that.",
    body: SignedPreviewUrlBodySchema,
    responses: { 200: SignedPreviewUrlSchema },
    errors: ["quota_exceeded"],
  },
  getSignedPreviewUrl: {
    method: "GET",
    path: `${PORT}/signed-preview-url`,
    tag: "Previews",
    summary: "Make signed URLs of a port, of the default length",
    responses: { 200: SignedPreviewUrlSchema },
    errors: ["quota_exceeded"],
  },
  listPreviewGrants: {
    method: "GET",
    path: `${MACHINE}/preview-urls`,
    tag: "Previews",
    summary: "List grants of signed URLs and proxy targets, newest first",
    description: "Those that ended are kept for a day. Tokens are not told again.",
    query: PreviewGrantsQuerySchema,
    responses: { 200: PreviewGrantListSchema },
    errors: [],
  },
  revokePreviewGrant: {
    method: "DELETE",
    path: `${MACHINE}/preview-urls/{grantId}`,
    tag: "Previews",
    summary: "Revoke a grant: its tokens and cookies open nothing any more",
    description: "Connections that are open stay.",
    responses: { 200: RevokedGrantSchema },
    errors: [],
  },
  createPreviewProxyTarget: {
    method: "POST",
    path: `${PORT}/preview-proxy-target`,
    tag: "Previews",
    summary: "Make a target for a proxy of one's own, whose tokens go in a header and in no URL",
    body: ProxyTargetBodySchema,
    responses: { 200: ProxyTargetSchema },
    errors: ["quota_exceeded"],
  },
  probePreviewReadiness: {
    method: "POST",
    path: `${PORT}/readiness`,
    tag: "Previews",
    summary: "Wait until a service listens on a port",
    description: "Wakes nothing. One that does not come to listen is no failure but `ready: false`.",
    body: ReadinessBodySchema,
    needsBody: true,
    responses: { 200: ReadinessSchema },
    errors: ["vm_wrong_state", "guest_unresponsive", "vm_died", "out_of_capacity"],
  },
  updateMachineEgress: {
    method: "PATCH",
    path: `${MACHINE}/egress`,
    tag: "Machines",
    summary: "Change what a running machine may reach",
    description: "Answered when it is in force, for new connections and for those that are open.",
    body: UpdateEgressBodySchema,
    responses: { 200: EgressAnswerSchema },
    errors: ["vm_wrong_state", "network_failed", "vm_died"],
  },
} as const satisfies Record<string, Operation>;
