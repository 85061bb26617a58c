/**
 * APIs beside each other on one port, each in a scope of its own. No two have a method and path in
 * common but those of one table: which API is meant there, the form of the request's key tells.
 */
import type { IncomingHttpHeaders } from "node:http";
import { API_KEY_PREFIX, type ApiName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import {
  answerErrors,
  answerFrameworkErrors,
  answerUnknownPaths,
  type RendererOf,
} from "../api/shared/answer-error.ts";
import type { ApiDialect } from "../api/shared/api-dialect.ts";
import type { Engine } from "../engine/engine.ts";
import type { Log } from "../log.ts";

/** The first is meant where nothing says which: by no key, and by one of the operator's own choice. */
export type Apis = readonly [ApiDialect, ...ApiDialect[]];

/** `GET /v1/volumes/{}`: a method and a path, whatever its parameters are called. */
type Claim = string;

/** What more than one API has. */
export const SHARED_CLAIMS: ReadonlySet<Claim> = new Set([
  "GET /v1/snapshots",
  "GET /v1/snapshots/{}",
  "DELETE /v1/snapshots/{}",
  "GET /v1/volumes",
  "POST /v1/volumes",
  "GET /v1/volumes/{}",
  "DELETE /v1/volumes/{}",
  "GET /v1/volumes/{}/attachments",
  "GET /v1/volumes/{}/files",
  "DELETE /v1/volumes/{}/files",
  "GET /v1/volumes/{}/files/stat",
  "GET /v1/volumes/{}/files/content",
  "PUT /v1/volumes/{}/files/content",
  "POST /v1/volumes/{}/files/copy",
  "POST /v1/volumes/{}/files/mkdir",
  "POST /v1/volumes/{}/files/rename",
]);

/** Who has which method and path. */
export function claimants(
  apis: readonly Pick<ApiDialect, "name" | "operations">[],
): ReadonlyMap<Claim, readonly ApiName[]> {
  const claims = new Map<Claim, ApiName[]>();
  for (const { name, operations } of apis) {
    for (const { method, path } of Object.values(operations)) {
      const claim = `${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`;
      claims.set(claim, [...(claims.get(claim) ?? []), name]);
    }
  }
  return claims;
}

/** What Fastify must know before there is any route. */
export function optionsFor(apis: Apis) {
  return {
    frameworkErrors: answerFrameworkErrors(rendererOf(apis)),
    constraints: byKeyForm(apis),
  };
}

export function addApis(
  app: FastifyInstance,
  apis: Apis,
  engine: Engine,
  log: Log,
  shared: ReadonlySet<Claim> = SHARED_CLAIMS,
): void {
  answerErrors(app, log, rendererOf(apis));
  answerUnknownPaths(app, rendererOf(apis));
  for (const api of apis) {
    app.register(async (scope) => {
      answerErrors(scope, log, () => api.renderError);
      scope.addHook("onRoute", (route) => {
        const path = route.url.replaceAll(/:\w+/g, "{}");
        if (![route.method].flat().some((method) => shared.has(`${method} ${path}`))) return;
        route.constraints = { ...route.constraints, [KEY_FORM]: api.name };
      });
      api.register(scope, engine);
    });
  }
}

function rendererOf(apis: Apis): RendererOf {
  return ({ headers, url }) => (below(apis, url) ?? meantApi(apis, headers)).renderError;
}

function below(apis: Apis, url: string): ApiDialect | undefined {
  return apis.find(
    ({ basePath }) => basePath !== undefined && (url === basePath || url.startsWith(`${basePath}/`)),
  );
}

function meantApi(apis: Apis, headers: IncomingHttpHeaders): ApiDialect {
  const [first] = apis;
  return apis.find((api) => api.presentedKey(headers)?.startsWith(API_KEY_PREFIX[api.name])) ?? first;
}

const KEY_FORM = "keyForm";

/** The router asks this only where routes differ by it. */
function byKeyForm(apis: Apis) {
  const strategy = {
    name: KEY_FORM,
    storage: <Handler>() => {
      const handlers = new Map<string, Handler>();
      return {
        get: (name: string) => handlers.get(name) ?? null,
        set: (name: string, handler: Handler) => void handlers.set(name, handler),
      };
    },
    deriveConstraint: ({ headers }: { readonly headers: IncomingHttpHeaders }) =>
      meantApi(apis, headers).name,
    mustMatchWhenDerived: false,
  };
  return { [KEY_FORM]: strategy };
}
