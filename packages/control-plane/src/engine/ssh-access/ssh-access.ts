/** Logins to one VM for minutes: a client's own public key, signed by the authority of its organisation. */
import { randomBytes } from "node:crypto";
import { step } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { KEYS } from "../keys/authorized-keys.ts";
import { parsePublicKey } from "../keys/parse-public-key.ts";
import { tellOwed, type OwedContext } from "../owed/tell-owed.ts";
import { authorityOf, principalOf } from "../ssh-authority/authority.ts";
import { certificateLine } from "../ssh-authority/certificate.ts";
import { hostKeyOf, requireSshServer, SSH_PORT } from "./ssh-server.ts";

interface SshAccessOrder {
  readonly publicKey: string;
  readonly seconds: number;
}

interface SshGrant {
  readonly accessId: string;
  readonly certificate: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** `undefined` where the host has no public addresses to give. */
  readonly address: string | undefined;
  readonly port: number;
  readonly hostKey: string | undefined;
}

/** So much a guest's clock may be behind ours. */
const CLOCK_SKEW_SEC = 60;

export class SshAccess {
  readonly #ctx: OwedContext & Parts<"sealing">;

  constructor(ctx: OwedContext & Parts<"sealing">) {
    this.#ctx = ctx;
  }

  /** Of a VM that runs, for whoever was let to it. It is good when this resolves. */
  async issue(vm: VmRecord, order: SshAccessOrder, signal: AbortSignal): Promise<SshGrant> {
    const { publicKey } = parsePublicKey(order.publicKey);
    await requireSshServer(this.#ctx, vm.id, signal);
    const authority = await authorityOf(this.#ctx, vm.orgId);
    await step("control.keys.recorded");
    // Nothing is owed to a VM that began to run when there was an authority.
    await tellOwed(this.#ctx, [KEYS], vm.id);
    const nowSec = Math.floor(this.#ctx.clock.now() / 1000);
    const validBefore = nowSec + order.seconds;
    const accessId = `sshaccess-${randomBytes(8).toString("hex")}`;
    const certificate = certificateLine(
      {
        publicKey,
        keyId: accessId,
        principal: principalOf(vm.id),
        validAfter: Math.max(0, nowSec - CLOCK_SKEW_SEC),
        validBefore,
      },
      authority,
    );
    return {
      accessId,
      certificate,
      expiresAt: validBefore * 1000,
      address: vm.publicIpv6 ?? undefined,
      port: SSH_PORT,
      hostKey: await hostKeyOf(this.#ctx, vm.id, { signal }),
    };
  }
}
