/**
 * Old generated clients repeat `POST /v1/vms` after a timeout or a lost connection, and say so in `x-stainless-retry-count`. Such
 * a request is answered with the VM that it made the first time. Identical launches side by side are ordinary, so a VM
 * whose answer was delivered is taken only when no other could be meant.
 */
import { createHash } from "node:crypto";
import type { LaunchBody, VmId } from "@fastvm/contract";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller, VmRecord } from "../../engine/engine.ts";
import type { FastvmScope } from "./fastvm-scope.ts";

/** Requests whose client went away; more than this at once are not remembered. */
const MAX_UNDELIVERED = 4096;

export class LaunchRetries {
  readonly #api: Pick<FastvmScope, "engine" | "clock" | "config">;
  /** VMs whose answer did not reach its client, with the instant of that. */
  readonly #undelivered = new Map<VmId, number>();

  constructor(api: Pick<FastvmScope, "engine" | "clock" | "config">) {
    this.#api = api;
  }

  /** Of the key and the body: the same client repeats the same bytes, so the order of fields is the same too. */
  fingerprint(caller: Caller, body: LaunchBody): string {
    return createHash("sha256")
      .update(`${caller.keyId}\n${JSON.stringify(body)}`)
      .digest("hex");
  }

  /** Notes whether the answer reaches its client. Call the result as soon as it is known which VM the answer is about. */
  watch(reply: FastifyReply): (vmId: VmId) => void {
    let gone = false;
    let about: VmId | undefined;
    reply.raw.once("close", () => {
      gone = !reply.raw.writableEnded;
      if (gone && about !== undefined) this.#remember(about);
    });
    return (vmId) => {
      about = vmId;
      if (gone) this.#remember(vmId);
    };
  }

  /** The VM that the request repeats, after waiting for a launch that is still under way; `found` is told before the wait. */
  async findRepeated(
    caller: Caller,
    fingerprint: string,
    request: FastifyRequest,
    found: (vmId: VmId) => void,
  ): Promise<VmRecord | undefined> {
    const retryCount = Number(request.headers["x-stainless-retry-count"] ?? 0);
    if (!(retryCount > 0)) return undefined;
    const since = this.#api.clock.now() - this.#api.config.launchRetryWindowMs;
    const candidates = await this.#api.engine.vms.listOfOrder(caller, fingerprint, since);
    const undelivered = candidates.find((vm) => this.#undelivered.has(vm.id));
    const meant = undelivered ?? (candidates.length === 1 ? candidates[0] : undefined);
    if (meant === undefined) return undefined;
    // Taken before anything is waited for: of several clients that repeat equal launches, each gets a VM of its own.
    this.#undelivered.delete(meant.id);
    found(meant.id);
    return this.#api.engine.vms.launched(meant.id);
  }

  #remember(vmId: VmId): void {
    const now = this.#api.clock.now();
    for (const [id, at] of this.#undelivered) {
      if (at < now - this.#api.config.launchRetryWindowMs) this.#undelivered.delete(id);
    }
    if (this.#undelivered.size < MAX_UNDELIVERED) this.#undelivered.set(vmId, now);
  }
}
