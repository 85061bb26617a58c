/** POST …/host and …/ports/{port}/signed-preview-url: URLs that are themselves the permission. */
import { DEFAULT_PREVIEW_SEC } from "@fastvm/contract";
import type { FastifyRequest } from "fastify";
import type { Caller } from "../../../../engine/engine.ts";
import { publicBase } from "../../../../http/public-base.ts";
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { hostOf, signedUrls } from "../../previews/preview-urls.ts";
import { previewGrantView } from "../../views/preview-grant-view.ts";
import { previewPort } from "./preview-port.ts";

interface Wanted {
  readonly machineId: string;
  readonly port: string;
  readonly seconds: number | undefined;
}

export function registerSignedUrls({ routes, engine, config }: MachinesScope): void {
  const make = async (caller: Caller, request: FastifyRequest, { machineId, port, seconds }: Wanted) => {
    const base = publicBase(config, request);
    const asked = previewPort(port);
    const { id } = await findMachine(engine, caller, machineId);
    const { grant, tokens } = await engine.previews.grant(caller, id, {
      port: asked,
      transport: "query",
      kinds: ["http", "websocket"],
      seconds: seconds ?? DEFAULT_PREVIEW_SEC,
      isPassing: seconds === undefined,
    });
    return { host: hostOf(grant, config, base), grant, urls: signedUrls(grant, tokens, config, base) };
  };
  routes.serve("getMachineHost", async ({ body, params, request }, caller) => {
    const wanted = { ...params, port: String(body.port), seconds: undefined };
    const { host, urls } = await make(caller, request, wanted);
    return { status: 200, body: { host, ...urls } };
  });
  routes.serve("createSignedPreviewUrl", async ({ body, params, request }, caller) => {
    const { grant, urls } = await make(caller, request, {
      ...params,
      seconds: body?.expires_in_seconds ?? undefined,
    });
    return { status: 200, body: { grant: previewGrantView(grant), ...urls } };
  });
  routes.serve("getSignedPreviewUrl", async ({ params, request }, caller) => {
    const { grant, urls } = await make(caller, request, { ...params, seconds: undefined });
    return { status: 200, body: { grant: previewGrantView(grant), ...urls } };
  });
}
