import { FastvmError, MAX_USER_SSH_KEYS, normalizeName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { installKeysEverywhere } from "../../../../engine/keys/authorized-keys.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { parsePublicKey } from "../../../../engine/keys/parse-public-key.ts";
import type { Records } from "../../../../store/records.ts";
import type { SshKeyRow } from "../../../../store/schema.ts";
import { sshKeyView } from "../../views/ssh-key-view.ts";

export function registerMySshKeys(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "listMySshKeys", async (_call, { orgId }) => {
    const keys = await ctx.store.sshKeys.list(orgId);
    return { status: 200, body: { keys: keys.map((key) => sshKeyView(key)) } };
  });
  serve(app, ctx.store, "addMySshKey", async ({ body }, { orgId }) => {
    const name = normalizeName(body.name ?? "");
    const parsed = parsePublicKey(body.publicKey);
    const key = { ...parsed, orgId, name: name === "" ? null : name, createdAt: ctx.clock.now() };
    await ctx.store.transaction((records) => add(records, key));
    await installKeysEverywhere(ctx, orgId);
    return { status: 201, body: sshKeyView(key) };
  });
  serve(app, ctx.store, "deleteMySshKey", async ({ params }, { orgId }) => {
    const { fingerprint } = params;
    if (fingerprint.includes("\0") || !(await ctx.store.sshKeys.remove(orgId, fingerprint))) {
      throw new FastvmError("not_found", "there is no such key", { field: "fingerprint" });
    }
    await installKeysEverywhere(ctx, orgId);
    return { status: 200, body: { id: fingerprint, deleted: true } };
  });
}

async function add(records: Records, key: SshKeyRow): Promise<void> {
  // Held before the count, so that several at once do not pass the limit together.
  await records.organisations.lockReservations();
  if ((await records.sshKeys.list(key.orgId)).length >= MAX_USER_SSH_KEYS) {
    throw new FastvmError("conflict", `there are ${MAX_USER_SSH_KEYS} keys, which is the most there may be`);
  }
  if (await records.sshKeys.add(key)) return;
  // The same answer whoever has it: a stranger's keys are not for asking about. An owner sees it in the list.
  throw new FastvmError("conflict", `the key ${key.fingerprint} is in use already`, { field: "publicKey" });
}
