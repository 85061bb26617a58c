/** Grants that let requests in to ports of VMs: made, listed, revoked. Their tokens are told once. */
import { randomBytes } from "node:crypto";
import { FastvmError, type VmId } from "@fastvm/contract";
import type { PreviewFamily, PreviewGrantRow } from "../../store/schema.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { findVm } from "../find.ts";
import { continuationOf, digestOf, newToken } from "./preview-tokens.ts";
import { isServiceReady, type ReadinessQuestion } from "./readiness.ts";
import { openTrafficToken } from "./traffic-token.ts";

/** Of one VM, that somebody chose the length of; one for each of its users and ports. */
const MAX_GRANTS = 1000;
/** Of one VM, of the default length: whoever asks for a port's host gets one each time, so the oldest gives way. */
const MAX_PASSING_GRANTS = 500;
/** How long one is shown after its end. */
const KEEP_ENDED_MS = 24 * 3_600_000;
const ID_BYTES = 16;

type PreviewKind = "http" | "websocket";

interface PreviewOrder {
  readonly port: number;
  readonly transport: "query" | "header";
  readonly kinds: readonly PreviewKind[];
  readonly seconds: number;
  /** Nobody chose `seconds`. */
  readonly isPassing: boolean;
}

export interface PreviewGrantRecord extends Omit<PreviewGrantRow, "kinds"> {
  readonly kinds: readonly PreviewKind[];
}

/** Never told again. */
export type PreviewTokens = Partial<Readonly<Record<PreviewKind, string>>>;

const FAMILIES = {
  query: { http: "url", websocket: "socket_url" },
  header: { http: "proxy", websocket: "socket_proxy" },
} as const satisfies Record<PreviewOrder["transport"], Record<PreviewKind, PreviewFamily>>;

export class Previews {
  readonly #ctx: Parts<"clock" | "previewUses" | "sealing" | "store" | "worker">;

  constructor(ctx: Parts<"clock" | "previewUses" | "sealing" | "store" | "worker">) {
    this.#ctx = ctx;
  }

  async grant(
    caller: Caller,
    vm: string,
    order: PreviewOrder,
  ): Promise<{ readonly grant: PreviewGrantRecord; readonly tokens: PreviewTokens }> {
    const { id: vmId } = await findVm(this.#ctx, caller, vm);
    const grant = this.#newGrant(caller, vmId, order);
    const tokens = order.kinds.map((kind) => {
      const family = FAMILIES[order.transport][kind];
      return { kind, family, token: newToken(family) };
    });
    await this.#ctx.store.transaction(async (records) => {
      // So that no two count at once.
      if ((await records.vms.lock(vmId)) === undefined)
        throw new FastvmError("not_found", "the VM was deleted meanwhile", { field: "vm" });
      const { previewGrants } = records;
      await previewGrants.removeEnded(vmId, grant.issuedAt - KEEP_ENDED_MS);
      if (!order.isPassing && (await previewGrants.count(vmId, 0)) >= MAX_GRANTS) {
        const hint = "revoked and expired ones count for a day";
        throw new FastvmError("quota_exceeded", `a machine has at most ${MAX_GRANTS} grants; ${hint}`);
      }
      await previewGrants.add(
        grant,
        tokens.flatMap(({ family, token }) => rowsOf(grant.id, family, token)),
      );
      if (order.isPassing) await previewGrants.keepNewestPassing(vmId, MAX_PASSING_GRANTS);
    }, "process");
    return {
      grant: recordOf(grant),
      tokens: Object.fromEntries(tokens.map(({ kind, token }) => [kind, token])),
    };
  }

  /** Newest first, with all that this process has counted. */
  async list(caller: Caller, vm: string, port: number | undefined): Promise<readonly PreviewGrantRecord[]> {
    const { id } = await findVm(this.#ctx, caller, vm);
    await this.#ctx.previewUses.writeDown();
    return (await this.#ctx.store.previewGrants.list(id, port)).map((row) => recordOf(row));
  }

  /** Counts for this process's next request at once, for those of others some seconds later. */
  async revoke(caller: Caller, vm: string, grantId: string): Promise<PreviewGrantRecord> {
    const { id } = await findVm(this.#ctx, caller, vm);
    await this.#ctx.previewUses.writeDown();
    const row = await this.#ctx.store.previewGrants.revoke(id, grantId, this.#ctx.clock.now());
    if (row !== undefined) return recordOf(row);
    throw new FastvmError("not_found", "the machine has no preview grant of this id", { field: "grant" });
  }

  isReady(vmId: VmId, question: ReadinessQuestion, signal: AbortSignal): Promise<boolean> {
    return isServiceReady(this.#ctx, vmId, question, signal);
  }

  /** For the answer to who had the VM made; `undefined` where its traffic is public. */
  trafficToken(vm: Pick<VmRecord, "orgId" | "id" | "trafficTokenDigest">): Promise<string | undefined> {
    return openTrafficToken(this.#ctx, vm);
  }

  #newGrant(caller: Caller, vmId: VmId, order: PreviewOrder): PreviewGrantRow {
    const now = this.#ctx.clock.now();
    return {
      id: `pvg_${randomBytes(ID_BYTES).toString("hex")}`,
      vmId,
      port: order.port,
      transport: order.transport,
      kinds: JSON.stringify(order.kinds),
      isPassing: order.isPassing ? 1 : 0,
      principalId: caller.keyId,
      issuedAt: now,
      expiresAt: now + order.seconds * 1000,
      revokedAt: null,
      firstUsedAt: null,
      lastUsedAt: null,
      requests: 0,
      webSockets: 0,
      bytesIn: 0,
      bytesOut: 0,
      lastErrorCode: null,
      lastErrorAt: null,
      updatedAt: now,
    };
  }
}

function rowsOf(grantId: string, family: PreviewFamily, token: string) {
  const own = { grantId, digest: digestOf(token), family };
  if (family !== "url") return [own];
  return [own, { grantId, digest: digestOf(continuationOf(token)), family: "cookie" as const }];
}

function recordOf(row: PreviewGrantRow): PreviewGrantRecord {
  return { ...row, kinds: JSON.parse(row.kinds) as PreviewKind[] };
}
