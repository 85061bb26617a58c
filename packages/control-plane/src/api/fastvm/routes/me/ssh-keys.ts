/** SSH keys of the caller's organisation, which its VMs accept. */
import { normalizeName } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { sshKeyView } from "../../views/ssh-key-view.ts";

export function registerMySshKeys({ routes, engine }: FastvmScope): void {
  routes.serve("listMySshKeys", async (_call, caller) => {
    const keys = await engine.sshKeys.listOwn(caller);
    return { status: 200, body: { keys: keys.map((key) => sshKeyView(key)) } };
  });
  routes.serve("addMySshKey", async ({ body }, caller) => {
    const given = { publicKey: body.publicKey, name: normalizeName(body.name ?? "") };
    return { status: 201, body: sshKeyView(await engine.sshKeys.addOwn(caller, given)) };
  });
  routes.serve("deleteMySshKey", async ({ params: { fingerprint } }, caller) => {
    await engine.sshKeys.removeOwn(caller, fingerprint);
    return { status: 200, body: { id: fingerprint, deleted: true } };
  });
}
