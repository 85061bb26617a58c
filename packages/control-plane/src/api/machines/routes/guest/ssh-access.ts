/** POST …/ssh-access: a client's key, signed for minutes. */
import { DEFAULT_SSH_ACCESS_SEC, FastvmError, type SshAccessBody } from "@fastvm/contract";
import { clientGone } from "../../../shared/client-gone.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { withSsh } from "../../network/egress-policy.ts";
import { instantOf } from "../../views/instant.ts";
import { runningMachine } from "./running-machine.ts";

const USER = "root";

export function registerSshAccess(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("createSshAccess", async ({ body, params, reply }, caller) => {
    const seconds = secondsOf(body);
    const vm = await runningMachine(api, caller, params.machineId);
    const order = { publicKey: body.public_key, seconds };
    const grant = await engine.sshAccess.issue(vm, order, clientGone(reply)).catch(inWordsOfThisApi);
    // Machines are closed to the world; what answers there asks for a key.
    if (grant.address !== undefined) await engine.networks.change(caller, vm.id, withSsh);
    const { accessId, certificate, expiresAt, address, port, hostKey } = grant;
    const answer = {
      certificate,
      host: address ?? null,
      port,
      user: USER,
      expires_at: instantOf(expiresAt),
      access_id: accessId,
      command: address === undefined ? null : `ssh -p ${port} ${USER}@${address}`,
      host_key: hostKey ?? null,
    };
    return { status: 200, body: answer };
  });
}

function secondsOf({ ttl_seconds: seconds, expires_in_minutes: minutes }: SshAccessBody): number {
  if (typeof seconds === "number" && typeof minutes === "number") {
    throw new FastvmError("invalid_request", "ttl_seconds and expires_in_minutes say the same: give one", {
      field: "expires_in_minutes",
    });
  }
  return seconds ?? (typeof minutes === "number" ? minutes * 60 : DEFAULT_SSH_ACCESS_SEC);
}

function inWordsOfThisApi(error: unknown): never {
  if (!(error instanceof FastvmError) || error.field !== "publicKey") throw error;
  const detail = error.detail?.replaceAll("publicKey", "public_key");
  throw new FastvmError("invalid_request", detail, { field: "public_key", cause: error });
}
