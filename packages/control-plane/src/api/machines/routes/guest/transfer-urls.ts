/** POST …/files/upload-url and …/files/download-url: one file, for who has no key. */
import { DEFAULT_TRANSFER_SEC } from "@fastvm/contract";
import type { FastifyRequest } from "fastify";
import type { Caller, TransferGrant } from "../../../../engine/engine.ts";
import { publicBase } from "../../../../http/public-base.ts";
import { modeOf } from "../../files/file-queries.ts";
import { findMachine } from "../../ids.ts";
import { machinePath } from "../../machine-path.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { transferUrl } from "../../transfers/transfer-address.ts";
import { instantOf } from "../../views/instant.ts";

interface Wanted {
  readonly method: TransferGrant["method"];
  readonly path: string;
  readonly seconds: number | null | undefined;
  readonly mode?: string | null | undefined;
  readonly maxBytes?: number | null | undefined;
}

export function registerTransferUrls({ routes, engine, config }: MachinesScope): void {
  const sign = async (caller: Caller, request: FastifyRequest, machineId: string, wanted: Wanted) => {
    const base = publicBase(config, request);
    const path = machinePath(wanted.path, "path");
    const vm = await findMachine(engine, caller, machineId);
    const { token, grant } = await engine.transfers.sign(vm, {
      method: wanted.method,
      path,
      seconds: wanted.seconds ?? DEFAULT_TRANSFER_SEC,
      mode: modeOf(wanted.mode),
      maxBytes: wanted.maxBytes ?? undefined,
    });
    const isUpload = grant.method === "PUT";
    return {
      url: transferUrl(base, vm.id, token),
      method: grant.method,
      headers: isUpload ? { "content-type": "application/octet-stream" } : {},
      path,
      max_bytes: isUpload ? grant.maxBytes : null,
      expires_at: instantOf(grant.expiresAt),
    };
  };
  routes.serve("createUploadUrl", async ({ body, params, request }, caller) => {
    const { path, mode, expires_in_seconds: seconds, max_bytes: maxBytes } = body;
    const wanted: Wanted = { method: "PUT", path, mode, seconds, maxBytes };
    return { status: 200, body: await sign(caller, request, params.machineId, wanted) };
  });
  routes.serve("createDownloadUrl", async ({ body, params, request }, caller) => {
    const wanted: Wanted = { method: "GET", path: body.path, seconds: body.expires_in_seconds };
    return { status: 200, body: await sign(caller, request, params.machineId, wanted) };
  });
}
