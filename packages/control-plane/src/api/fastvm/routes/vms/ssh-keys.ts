import { FastvmError, MAX_VM_SSH_KEYS, normalizeName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { changeVmKeys } from "../../../../engine/keys/authorized-keys.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { parsePublicKey } from "../../../../engine/keys/parse-public-key.ts";
import type { VmSshKey } from "../../../../store/vm-settings.ts";
import type { VmRecord } from "../../../../store/vm-repository.ts";
import { sshKeyView } from "../../views/ssh-key-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerVmSshKeys(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "listVmSshKeys", async ({ params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    return { status: 200, body: { keys: vm.sshKeys.map((key) => sshKeyView(key)) } };
  });
  serve(app, ctx.store, "addVmSshKey", async ({ body, params }, caller) => {
    const name = normalizeName(body.name ?? "");
    const named = name === "" ? {} : { name };
    const key: VmSshKey = { ...parsePublicKey(body.publicKey), createdAt: ctx.clock.now(), ...named };
    const { id } = await findVm(ctx, caller, params.vmId);
    await changeVmKeys(ctx, id, (vm) => {
      refuseMore(vm, key);
      return [...vm.sshKeys, key];
    });
    return { status: 201, body: sshKeyView(key) };
  });
  serve(app, ctx.store, "deleteVmSshKey", async ({ params }, caller) => {
    const { fingerprint } = params;
    const { id } = await findVm(ctx, caller, params.vmId);
    await changeVmKeys(ctx, id, (vm) => {
      const sshKeys = vm.sshKeys.filter((key) => key.fingerprint !== fingerprint);
      if (sshKeys.length === vm.sshKeys.length) {
        throw new FastvmError("not_found", "the VM has no such key", { field: "fingerprint" });
      }
      return sshKeys;
    });
    return { status: 200, body: { id: fingerprint, deleted: true } };
  });
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
