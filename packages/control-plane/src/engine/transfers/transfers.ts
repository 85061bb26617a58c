/**
 * Permissions for one file of one VM, for who has no key. A token has all that it permits in it, sealed for its VM: nothing is kept of it,
 * any control plane of this database reads it, and it opens nothing in another VM. It ends with its time or with its VM.
 */
import { CREDENTIAL_PREFIX, FastvmError, type VmId } from "@fastvm/contract";
import { seal, unseal, type SealedFor } from "../../sealing/seal.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { checkedFilePath } from "../files/guest-files.ts";
import { vmDiskBytes } from "../files/vm-disk-bytes.ts";
import { wrongState } from "../states/wrong-state.ts";

export interface TransferGrant {
  readonly method: "PUT" | "GET";
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Of what is written; 0 for a reader. */
  readonly maxBytes: number;
  readonly mode: number | undefined;
}

interface TransferOrder {
  readonly method: TransferGrant["method"];
  readonly path: string;
  readonly seconds: number;
  readonly maxBytes?: number | undefined;
  readonly mode?: number | undefined;
}

const PURPOSE = "transfer";

export class Transfers {
  readonly #ctx: Parts<"clock" | "sealing" | "store">;

  constructor(ctx: Parts<"clock" | "sealing" | "store">) {
    this.#ctx = ctx;
  }

  /** For a VM in whatever state, of whoever was let to it. */
  async sign(
    vm: VmRecord,
    { method, path, seconds, maxBytes, mode }: TransferOrder,
  ): Promise<{ readonly token: string; readonly grant: TransferGrant }> {
    const most = vmDiskBytes(vm);
    const grant: TransferGrant = {
      method,
      path: checkedFilePath(path),
      expiresAt: this.#ctx.clock.now() + seconds * 1000,
      maxBytes: method === "PUT" ? Math.min(maxBytes ?? most, most) : 0,
      mode,
    };
    const sealed = seal(await this.#ctx.sealing.newest(), JSON.stringify(grant), sealedFor(vm));
    return { token: CREDENTIAL_PREFIX.transfer + Buffer.from(sealed).toString("base64url"), grant };
  }

  /** Throws `forbidden` for what is no such permission, whatever it lacks, and for a VM that is gone, so that nobody learns of VMs here. */
  async admit(vmId: VmId, token: string, method: TransferGrant["method"]): Promise<TransferGrant> {
    const vm = await this.#ctx.store.vms.get(vmId);
    const grant = vm === undefined ? undefined : await this.#read(vm, token);
    if (vm === undefined || grant === undefined || grant.method !== method || vm.status === "deleting") {
      throw new FastvmError("forbidden", "this URL was not signed for this");
    }
    if (this.#ctx.clock.now() >= grant.expiresAt) throw new FastvmError("forbidden", "this URL has expired");
    if (vm.status !== "running") throw wrongState(vm, "this needs a running machine");
    return grant;
  }

  async #read(vm: VmRecord, token: string): Promise<TransferGrant | undefined> {
    if (!token.startsWith(CREDENTIAL_PREFIX.transfer)) return undefined;
    const sealed = Buffer.from(token.slice(CREDENTIAL_PREFIX.transfer.length), "base64url").toString();
    try {
      const key = await this.#ctx.sealing.of(sealed);
      return JSON.parse(unseal(key, sealed, sealedFor(vm))) as TransferGrant;
    } catch {
      // Anybody can send anything here: what does not open is no permission, and no news.
      return undefined;
    }
  }
}

function sealedFor({ id, orgId }: Pick<VmRecord, "id" | "orgId">): SealedFor {
  return { orgId, purpose: PURPOSE, name: id };
}
