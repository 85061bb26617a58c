/** `client.builds` and `client.buildContexts`: one method per route. `client.build` makes these calls and waits. */
import { BuildFailedError } from "../errors.ts";
import type { FilePresign } from "../files/files.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import { sleep } from "../http/deadline.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { buildIdOf } from "./build.ts";
import type { Build, BuildEvent, BuildLog, BuildRef, CreateBuildParams } from "./build.ts";
import { buildEvents } from "./build-events.ts";

/** A client that asks more often loads the server and learns nothing sooner. */
const POLL_INTERVAL_MS = 1000;
const ENDED: ReadonlySet<string> = new Set(["completed", "failed"]);

export class Builds {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Answers at once; `retrieve` tells how it goes. Never repeated by itself. */
  create(params: CreateBuildParams, options?: RequestOptions): ApiPromise<Build> {
    return this.#http.json({ method: "POST", path: "/v1/builds", body: params, attempts: "once", options });
  }

  /** Newest first. */
  list(options?: RequestOptions): ApiPromise<Build[]> {
    return this.#http.json({ method: "GET", path: "/v1/builds", options });
  }

  retrieve(build: BuildRef, options?: RequestOptions): ApiPromise<Build> {
    return this.#http.json({ method: "GET", path: pathOf(build), options });
  }

  /** Resolves when nothing of it runs any more. One that has ended stays as it is. */
  cancel(build: BuildRef, options?: RequestOptions): ApiPromise<Build> {
    return this.#http.json({ method: "POST", path: pathOf(build, "cancel"), options });
  }

  /** What it has printed so far. */
  logs(build: BuildRef, options?: RequestOptions): ApiPromise<BuildLog> {
    return this.#http.json({ method: "GET", path: pathOf(build, "logs"), options });
  }

  /** What there is, then what comes, until the build ends. Leaving the loop leaves the build alone. */
  follow(build: BuildRef, options?: RequestOptions): AsyncGenerator<BuildEvent, void, undefined> {
    return buildEvents(() =>
      this.#http.open({
        method: "GET",
        path: pathOf(build, "logs"),
        accept: "application/x-ndjson",
        options,
      }),
    );
  }

  /** Resolves when it has completed. Throws a BuildFailedError when it has not. */
  async wait(build: BuildRef, options?: RequestOptions): Promise<Build> {
    for (;;) {
      const now = await this.retrieve(build, options);
      if (now.status === "completed") return now;
      if (ENDED.has(now.status)) throw new BuildFailedError(now.id, now.error);
      await sleep(POLL_INTERVAL_MS, options?.signal);
    }
  }
}

function pathOf(build: BuildRef, ...rest: readonly string[]): string {
  return joinPath("v1", "builds", buildIdOf(build), ...rest);
}

export class BuildContexts {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Where the context of one build is PUT. */
  presign(options?: RequestOptions): ApiPromise<FilePresign> {
    return this.#http.json({
      method: "POST",
      path: "/v1/build-contexts/presign",
      attempts: "once",
      options,
    });
  }
}
