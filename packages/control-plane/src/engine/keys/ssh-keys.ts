/**
 * Who may log in: the keys of an organisation, which open all its VMs, and those of one VM. In force in running VMs when a method resolves.
 */
import { FastvmError, MAX_USER_SSH_KEYS, MAX_VM_SSH_KEYS, step } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { SshKeyRow } from "../../store/schema.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { VmSshKey } from "../../store/vm-settings.ts";
import type { Caller } from "../caller.ts";
import type { OwedContext } from "../owed/tell-owed.ts";
import type { Parts } from "../context.ts";
import { findVm } from "../find.ts";
import { changeVmKeys, installKeysIn } from "./authorized-keys.ts";
import { parsePublicKey } from "./parse-public-key.ts";

/** `name` is normalised; empty for none. */
interface NewSshKey {
  readonly publicKey: string;
  readonly name: string;
}

export class SshKeys {
  readonly #ctx: OwedContext & Parts<"log">;

  constructor(ctx: OwedContext & Parts<"log">) {
    this.#ctx = ctx;
  }

  listOwn({ orgId }: Caller): Promise<readonly SshKeyRow[]> {
    return this.#ctx.store.sshKeys.list(orgId);
  }

  async addOwn({ orgId }: Caller, { publicKey, name }: NewSshKey): Promise<SshKeyRow> {
    const parsed = parsePublicKey(publicKey);
    const key = { ...parsed, orgId, name: name === "" ? null : name, createdAt: this.#ctx.clock.now() };
    const vmIds = await this.#ctx.store.transaction(async (records) => {
      await add(records, key);
      return records.owed.putForAll(orgId, "keys");
    });
    await step("control.keys.recorded");
    await installKeysIn(this.#ctx, vmIds);
    return key;
  }

  async removeOwn({ orgId }: Caller, fingerprint: string): Promise<void> {
    const vmIds = await this.#ctx.store.transaction(async (records) => {
      // As an addition does: a VM that is starting now either reads what is written here or is seen to start.
      await records.organisations.lock(orgId);
      if (fingerprint.includes("\0") || !(await records.sshKeys.remove(orgId, fingerprint))) {
        throw new FastvmError("not_found", "there is no such key", { field: "fingerprint" });
      }
      return records.owed.putForAll(orgId, "keys");
    });
    await step("control.keys.recorded");
    await installKeysIn(this.#ctx, vmIds);
  }

  async addToVm(caller: Caller, vm: string, { publicKey, name }: NewSshKey): Promise<VmSshKey> {
    const named = name === "" ? {} : { name };
    const key: VmSshKey = { ...parsePublicKey(publicKey), createdAt: this.#ctx.clock.now(), ...named };
    const { id } = await findVm(this.#ctx, caller, vm);
    await changeVmKeys(this.#ctx, id, (current) => {
      refuseMore(current, key);
      return [...current.sshKeys, key];
    });
    return key;
  }

  async removeFromVm(caller: Caller, vm: string, fingerprint: string): Promise<void> {
    const { id } = await findVm(this.#ctx, caller, vm);
    await changeVmKeys(this.#ctx, id, (current) => {
      const sshKeys = current.sshKeys.filter((key) => key.fingerprint !== fingerprint);
      if (sshKeys.length === current.sshKeys.length) {
        throw new FastvmError("not_found", "the VM has no such key", { field: "fingerprint" });
      }
      return sshKeys;
    });
  }
}

async function add(records: Records, key: SshKeyRow): Promise<void> {
  // Held before the count, so that several at once do not pass the limit together.
  await records.organisations.lock(key.orgId);
  if ((await records.sshKeys.list(key.orgId)).length >= MAX_USER_SSH_KEYS) {
    throw new FastvmError("conflict", `there are ${MAX_USER_SSH_KEYS} keys, which is the most there may be`);
  }
  if (await records.sshKeys.add(key)) return;
  // The same answer whoever has it: a stranger's keys are not for asking about. An owner sees it in the list.
  throw new FastvmError("conflict", `the key ${key.fingerprint} is in use already`, { field: "publicKey" });
}

function refuseMore(vm: VmRecord, key: VmSshKey): void {
  if (vm.sshKeys.some(({ fingerprint }) => fingerprint === key.fingerprint)) {
    throw new FastvmError("conflict", `the VM has the key ${key.fingerprint} already`, {
      field: "publicKey",
    });
  }
  if (vm.sshKeys.length >= MAX_VM_SSH_KEYS) {
    throw new FastvmError("conflict", `the VM has ${MAX_VM_SSH_KEYS} keys, which is the most it may have`);
  }
}
