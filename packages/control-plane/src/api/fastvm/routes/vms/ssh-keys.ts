/** SSH keys that one VM accepts, beside those of whoever launched it. */
import { normalizeName } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { sshKeyView } from "../../views/ssh-key-view.ts";

export function registerVmSshKeys({ routes, engine }: FastvmScope): void {
  routes.serve("listVmSshKeys", async ({ params }, caller) => {
    const { sshKeys } = await engine.vms.get(caller, params.vmId);
    return { status: 200, body: { keys: sshKeys.map((key) => sshKeyView(key)) } };
  });
  routes.serve("addVmSshKey", async ({ body, params }, caller) => {
    const given = { publicKey: body.publicKey, name: normalizeName(body.name ?? "") };
    return { status: 201, body: sshKeyView(await engine.sshKeys.addToVm(caller, params.vmId, given)) };
  });
  routes.serve("deleteVmSshKey", async ({ params: { vmId, fingerprint } }, caller) => {
    await engine.sshKeys.removeFromVm(caller, vmId, fingerprint);
    return { status: 200, body: { id: fingerprint, deleted: true } };
  });
}
