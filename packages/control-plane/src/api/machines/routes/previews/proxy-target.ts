/** POST …/ports/{port}/preview-proxy-target: where a proxy of the customer's sends requests, and with which secret in a header. */
import { DEFAULT_PREVIEW_SEC, PROXY_TOKEN_HEADER, TRAFFIC_TOKEN_HEADER } from "@fastvm/contract";
import { publicBase } from "../../../../http/public-base.ts";
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { proxyUrls } from "../../previews/preview-urls.ts";
import { instantOf } from "../../views/instant.ts";
import { previewGrantView } from "../../views/preview-grant-view.ts";
import { previewPort } from "./preview-port.ts";

/** For the proxy to set: what it sends of them reaches the service as it is. */
const FORWARDED = ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-for"];

export function registerProxyTarget({ routes, engine, config }: MachinesScope): void {
  routes.serve("createPreviewProxyTarget", async ({ body, params, request }, caller) => {
    const base = publicBase(config, request);
    const port = previewPort(params.port);
    const { id, privateTraffic } = await findMachine(engine, caller, params.machineId);
    const kinds = body?.transports ?? (["http", "websocket"] as const);
    const seconds = body?.expires_in_seconds ?? DEFAULT_PREVIEW_SEC;
    const order = { port, transport: "header", kinds, seconds, isPassing: false } as const;
    const { grant, tokens } = await engine.previews.grant(caller, id, order);
    const urls = proxyUrls(grant, config, base);
    const hints = body?.include_traffic_token_hint ?? true;
    return {
      status: 200,
      body: {
        grant: previewGrantView(grant),
        port,
        token_header_name: PROXY_TOKEN_HEADER,
        expires_at: instantOf(grant.expiresAt),
        token_transport: "header",
        required_forwarded_headers: FORWARDED,
        warnings: privateTraffic
          ? [`The machine's traffic is private: every request needs ${TRAFFIC_TOKEN_HEADER}, too.`]
          : [],
        http_url: tokens.http === undefined ? null : urls.http,
        websocket_url: tokens.websocket === undefined ? null : urls.websocket,
        http_token: tokens.http ?? null,
        websocket_token: tokens.websocket ?? null,
        traffic_access_required: privateTraffic,
        traffic_access_header_name: privateTraffic && hints ? TRAFFIC_TOKEN_HEADER : null,
      },
    };
  });
}
