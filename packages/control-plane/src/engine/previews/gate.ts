/**
 * Who is let in to a VM's ports by a preview. Each family of tokens has its way into a request and its kind of request: a token that came
 * by another way, or with another kind, is none, since its digest is looked up with the family that its way and kind make it.
 */
import type {
  PreviewCredentials,
  PreviewGate,
  PreviewLookup,
  PreviewRefusal,
  PreviewRequest,
  PreviewUse,
  VmId,
} from "@fastvm/contract";
import type { PreviewFamily, PreviewGrantRow } from "../../store/schema.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { Revocations } from "./revocations.ts";
import { continuationOf, digestOf, hasDigest, hasForm } from "./preview-tokens.ts";

/** How old a grant may be that another process has revoked. */
const MAX_AGE_MS = 5000;
/** The oldest VM's go first. */
const MAX_VMS = 1000;
/** Of one VM; when there are more all of them are read again. */
const MAX_TOKENS = 256;
/** Of our name in one request; a browser sends one for each path that we set it for. */
const MAX_COOKIES = 8;

/** What of a VM's record decides. */
type PreviewedVm = Pick<
  VmRecord,
  "status" | "autoResume" | "privateTraffic" | "trafficTokenDigest" | "maskHost"
>;

type Found = PreviewGrantRow & { readonly family: PreviewFamily };

interface Kept {
  readonly grant: Found;
  readonly until: number;
}

type Presented =
  | { readonly family: PreviewFamily; readonly tokens: readonly string[] }
  | { readonly missing: true };

type GateContext = Parts<"activity" | "clock" | "log" | "previewUses" | "store">;

export class Gate implements PreviewGate {
  readonly #ctx: GateContext;
  readonly #vmOf: (vmId: VmId) => Promise<PreviewedVm | undefined>;
  readonly #revocations: Revocations;
  readonly #kept = new Map<VmId, Map<string, Kept>>();
  /** Counts changes: what was read before one must not be kept after it. */
  #changes = 0;

  /** `vmOf`: may be some seconds old where another process has changed it. */
  constructor(ctx: GateContext, vmOf: (vmId: VmId) => Promise<PreviewedVm | undefined>) {
    this.#ctx = ctx;
    this.#vmOf = vmOf;
    this.#revocations = new Revocations(ctx);
    ctx.store.onVmChange((vmId) => {
      this.#changes += 1;
      this.#kept.delete(vmId);
    });
  }

  async admit(request: PreviewRequest): Promise<PreviewLookup> {
    const vm = await this.#vmOf(request.vmId);
    if (vm === undefined || vm.status === "deleting") return { kind: "unknown_vm" };
    const presented = presentedBy(request);
    if ("missing" in presented) return refused("edge_token_missing");
    const opened = await this.#open(request, presented);
    if (opened === undefined) return refused("edge_token_invalid");
    const { grant, token } = opened;
    const refusal = this.#refusalOf(grant) ?? trafficRefusal(vm, request.credentials);
    if (refusal !== undefined) {
      this.used(grant.id, { error: refusal });
      return refused(refusal);
    }
    this.#ctx.activity.notice(request.vmId);
    const { status, autoResume, maskHost } = vm;
    const maxAgeSec = Math.ceil((grant.expiresAt - this.#ctx.clock.now()) / 1000);
    return {
      ...{ kind: "known", grantId: grant.id, status, autoResume },
      ...(maskHost === "" ? {} : { maskHost: maskHost.replace("${PORT}", String(request.port)) }),
      ...(grant.family === "url" ? { continuation: { cookie: continuationOf(token), maxAgeSec } } : {}),
    };
  }

  used(grantId: string, use: PreviewUse): void {
    this.#ctx.previewUses.add(grantId, use);
  }

  onRevoked(vmId: VmId, grantId: string, then: () => void): () => void {
    return this.#revocations.watch(vmId, grantId, then);
  }

  #refusalOf(grant: Found): PreviewRefusal | undefined {
    if (grant.revokedAt !== null)
      return grant.transport === "header" ? "preview_proxy_token_disabled" : "preview_grant_disabled";
    return this.#ctx.clock.now() >= grant.expiresAt ? "edge_token_expired" : undefined;
  }

  async #open(
    { vmId, port }: PreviewRequest,
    { family, tokens }: Extract<Presented, { family: unknown }>,
  ): Promise<{ readonly grant: Found; readonly token: string } | undefined> {
    for (const token of tokens) {
      if (!hasForm(token, family)) continue;
      const grant = await this.#grantOf(vmId, digestOf(token));
      if (grant?.family === family && grant.vmId === vmId && grant.port === port) return { grant, token };
    }
    return undefined;
  }

  async #grantOf(vmId: VmId, digest: string): Promise<Found | undefined> {
    const now = this.#ctx.clock.now();
    const kept = this.#kept.get(vmId)?.get(digest);
    if (kept !== undefined && now < kept.until) return kept.grant;
    const changes = this.#changes;
    const grant = await this.#ctx.store.previewGrants.byToken(digest);
    // What does not exist is not kept: strangers could fill the room with it.
    if (grant !== undefined && changes === this.#changes)
      this.#keep(vmId, digest, { grant, until: now + MAX_AGE_MS });
    return grant;
  }

  #keep(vmId: VmId, digest: string, kept: Kept): void {
    let ofVm = this.#kept.get(vmId);
    if (ofVm === undefined || ofVm.size >= MAX_TOKENS) {
      ofVm = new Map();
      this.#kept.delete(vmId);
      this.#kept.set(vmId, ofVm);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MAX_VMS && oldest !== undefined) this.#kept.delete(oldest);
    }
    ofVm.set(digest, kept);
  }
}

/** Of several ways one counts: a proxy's header first, whose sender means to be a proxy, then what the URL says, then cookies. */
function presentedBy({ kind, credentials: { proxy, url, cookies } }: PreviewRequest): Presented {
  const isHttp = kind === "http";
  if (proxy !== undefined)
    return proxy === "" ? { missing: true } : { family: isHttp ? "proxy" : "socket_proxy", tokens: [proxy] };
  if (url !== undefined) return { family: isHttp ? "url" : "socket_url", tokens: [url] };
  // Any page of any site may open a WebSocket, and browsers send cookies along.
  if (!isHttp || cookies.length === 0) return { missing: true };
  return { family: "cookie", tokens: cookies.slice(0, MAX_COOKIES) };
}

function trafficRefusal(
  { privateTraffic, trafficTokenDigest }: PreviewedVm,
  { traffic }: PreviewCredentials,
): PreviewRefusal | undefined {
  if (!privateTraffic) return undefined;
  if (traffic === undefined) return "traffic_access_token_missing";
  const isRight = trafficTokenDigest !== null && hasDigest(traffic, trafficTokenDigest);
  return isRight ? undefined : "traffic_access_token_invalid";
}

function refused(code: PreviewRefusal): PreviewLookup {
  return { kind: "refused", code };
}
