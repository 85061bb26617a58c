/** APIs beside each other: who has which path, and which API answers where two have one. */
import { API_KEY_PREFIX, type ApiName, type Operation } from "@fastvm/contract";
import Fastify, { type FastifyInstance } from "fastify";
import { expect, test } from "vitest";
import { fastvmApi } from "../api/fastvm/fastvm-api.ts";
import { machinesApi } from "../api/machines/machines-api.ts";
import { sandboxesApi } from "../api/sandboxes/sandboxes-api.ts";
import { presentedKey } from "../api/fastvm/presented-key.ts";
import type { ApiDialect } from "../api/shared/api-dialect.ts";
import { OperationRoutes } from "../api/shared/operation-route.ts";
import { DEFAULT_CONFIG } from "../config.ts";
import type { Engine } from "../engine/engine.ts";
import { addApis, claimants, optionsFor, SHARED_CLAIMS, type Apis } from "./side-by-side.ts";

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const CLOCK = { now: () => 0 };

/** Every API that the daemon serves. */
const APIS: Apis = [
  fastvmApi({ config: DEFAULT_CONFIG, clock: CLOCK, log: SILENT, metrics: undefined }),
  machinesApi({ config: DEFAULT_CONFIG, clock: CLOCK, log: SILENT }),
  sandboxesApi({ config: DEFAULT_CONFIG, clock: CLOCK, log: SILENT }),
];

test("no two APIs have a method and path in common, but those of the table", () => {
  const twice = [...claimants(APIS)].filter(([, names]) => names.length > 1).map(([claim]) => claim);
  expect(twice.toSorted()).toEqual([...SHARED_CLAIMS].toSorted());
});

const OPERATION = { tag: "", summary: "", responses: {}, errors: [] } as const;
/** Nobody but the one whose key says its own name is known. */
const ENGINE = {
  keys: {
    holderOf: async (key: string, api: ApiName) =>
      key === API_KEY_PREFIX[api] + "k" ? { orgId: "org", keyId: api, scopes: ["manage"] } : undefined,
  },
} as unknown as Engine;

function made(name: ApiName, table: Readonly<Record<string, Operation>>): ApiDialect {
  return {
    name,
    operations: table,
    presentedKey,
    renderError: ({ entry, code }) => ({ status: entry.status, headers: {}, body: { of: name, code } }),
    register: (scope, { keys }) => {
      const options = { scope, keys, operations: table, dialect: { name, presentedKey }, notice: () => ({}) };
      const routes = new OperationRoutes(options);
      for (const id of Object.keys(table)) {
        routes.serve(id, async (_call, { keyId }) => ({ status: 200, body: { of: name, keyId } }));
      }
    },
  };
}

const ONE = made("fastvm", {
  list: { ...OPERATION, method: "GET", path: "/v1/volumes/{volumeId}" },
  own: { ...OPERATION, method: "GET", path: "/v1/vms" },
});
const OTHER = made("nullspace", {
  list: { ...OPERATION, method: "GET", path: "/v1/volumes/{id}" },
  own: { ...OPERATION, method: "GET", path: "/v1/machines" },
});

async function sideBySide(shared: ReadonlySet<string>): Promise<FastifyInstance> {
  const apis: Apis = [ONE, OTHER];
  const { constraints, frameworkErrors } = optionsFor(apis);
  const app = Fastify({ frameworkErrors, routerOptions: { constraints } });
  addApis(app, apis, ENGINE, SILENT, shared);
  await app.ready();
  return app;
}

const KEYS = { fastvm: `${API_KEY_PREFIX.fastvm}k`, nullspace: `${API_KEY_PREFIX.nullspace}k` };

test("who has a path in common is seen whatever its parameters are called, and is refused unless the table has it", async () => {
  expect(claimants([ONE, OTHER]).get("GET /v1/volumes/{}")).toEqual(["fastvm", "nullspace"]);
  await expect(sideBySide(new Set())).rejects.toThrow(/already declared/);
});

test.each([
  ["/v1/vms", KEYS.fastvm, 200, "fastvm"],
  ["/v1/machines", KEYS.nullspace, 200, "nullspace"],
  // Of another API: unknown to this one, in the words of this one.
  ["/v1/vms", KEYS.nullspace, 401, "fastvm"],
  ["/v1/machines", KEYS.fastvm, 401, "nullspace"],
  ["/v1/volumes/1", KEYS.fastvm, 200, "fastvm"],
  ["/v1/volumes/1", KEYS.nullspace, 200, "nullspace"],
  ["/v1/volumes/1", "of the operator's choice", 401, "fastvm"],
  ["/v1/volumes/1", undefined, 401, "fastvm"],
  ["/nowhere", KEYS.nullspace, 404, "nullspace"],
  ["/nowhere", KEYS.fastvm, 404, "fastvm"],
  ["/nowhere", undefined, 404, "fastvm"],
  ["/%zz", KEYS.nullspace, 400, "nullspace"],
])("GET %s with the key %s is answered %i by %s", async (url, key, status, name) => {
  const app = await sideBySide(new Set(["GET /v1/volumes/{}"]));
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await app.inject({ method: "GET", url, headers });
  expect({ status: answer.statusCode, of: answer.json().of }).toEqual({ status, of: name });
});
