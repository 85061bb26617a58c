/** /v1/builds and /v1/build-contexts. */
import type { BuildLogEvent, FilePresign } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import type { BuildNews, BuildRecord } from "../../../engine/engine.ts";
import { publicBase } from "../../../http/public-base.ts";
import { clientGone } from "../../shared/client-gone.ts";
import { ANSWERED } from "../../shared/operation-route.ts";
import { buildOf } from "../builds/new-build.ts";
import { streamNdjson } from "../exec/stream-ndjson.ts";
import { wantsNdjson } from "../exec/wants-ndjson.ts";
import type { FastvmScope } from "../fastvm-scope.ts";
import { buildView, phraseOf, statusOfBuild } from "../views/build-view.ts";

export function registerBuilds(api: FastvmScope): void {
  const { routes, engine, config } = api;
  const { builds } = engine;

  routes.serve("presignBuildContext", async ({ request }, caller) => {
    const place = builds.presign(caller, publicBase(config, request));
    const body: FilePresign = {
      uploadUrl: place.uploadUrl,
      downloadUrl: place.downloadUrl,
      expiresInSec: place.lifetimeSec,
      maxUploadBytes: place.maxBytes,
    };
    return { status: 200, body };
  });
  routes.serve("createBuild", async ({ body }, caller) => {
    const build = await builds.create(caller, buildOf(builds, caller, body));
    return { status: 202, body: buildView(build) };
  });
  routes.serve("listBuilds", async (_call, caller) => {
    return { status: 200, body: (await builds.list(caller)).map(buildView) };
  });
  routes.serve("getBuild", async ({ params }, caller) => {
    return { status: 200, body: buildView(await builds.get(caller, params.buildId)) };
  });
  routes.serve("cancelBuild", async ({ params }, caller) => {
    return { status: 200, body: buildView(await builds.cancel(caller, params.buildId)) };
  });
  routes.serve("getBuildLogs", async ({ params, request, reply }, caller) => {
    const build = await builds.get(caller, params.buildId);
    if (wantsNdjson(request)) return await follow(api, build, reply);
    return { status: 200, body: { log: await builds.log(build), status: statusOfBuild(build) } };
  });
}

async function follow(
  { engine, config, log }: FastvmScope,
  build: BuildRecord,
  reply: FastifyReply,
): Promise<typeof ANSWERED> {
  const gone = clientGone(reply);
  try {
    await streamNdjson<BuildNews>(reply, {
      source: engine.builds.follow(build, { signal: gone }),
      encode: eventOf,
      failure: ({ message, code }): BuildLogEvent => ({ t: "x", d: message, code }),
      gone,
      heartbeatMs: config.streamHeartbeatMs,
    });
  } catch (error) {
    // The answer has begun, so all that is left is the log; a client that went away is no news.
    if (!gone.aborted) log.warn({ err: error, buildId: build.id }, "a reader of a build was cut off");
  }
  return ANSWERED;
}

function eventOf(news: BuildNews): BuildLogEvent {
  if (news.kind === "line") return { t: "l", d: news.line };
  if (news.kind === "phase") return { t: "p", d: phraseOf(news.phase) };
  const { status, error, snapshotId } = buildView(news.build);
  return {
    t: "x",
    status,
    ...(error === undefined ? {} : { d: error }),
    ...(snapshotId === undefined ? {} : { snapshotId }),
  };
}
