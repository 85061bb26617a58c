import { FastvmError, MAX_VM_SSH_KEYS, normalizeName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { parsePublicKey } from "../../ssh-keys/parse-public-key.ts";
import type { VmRecord, VmSshKey } from "../../store/vm-repository.ts";
import { sshKeyView } from "../../views/ssh-key-view.ts";
import { findVm } from "../find.ts";
import { changeVm } from "./change-vm.ts";

export function registerVmSshKeys(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "listVmSshKeys", async ({ params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    return { status: 200, body: { keys: vm.sshKeys.map((key) => sshKeyView(key)) } };
  });
  serve(app, ctx.store, "addVmSshKey", async ({ body, params }, caller) => {
    const name = normalizeName(body.name ?? "");
    const named = name === "" ? {} : { name };
    const key: VmSshKey = { ...parsePublicKey(body.publicKey), createdAt: ctx.clock.now(), ...named };
    await changeVm(ctx, caller, params.vmId, (vm) => {
      refuseMore(vm, key);
      return { sshKeys: [...vm.sshKeys, key] };
    });
    return { status: 201, body: sshKeyView(key) };
  });
  serve(app, ctx.store, "deleteVmSshKey", async ({ params }, caller) => {
    const { fingerprint } = params;
    await changeVm(ctx, caller, params.vmId, (vm) => {
      const sshKeys = vm.sshKeys.filter((key) => key.fingerprint !== fingerprint);
      if (sshKeys.length === vm.sshKeys.length) {
        throw new FastvmError("not_found", "the VM has no such key", { field: "fingerprint" });
      }
      return { sshKeys };
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
