/** The application over a fake worker and an own store, with two organisations; every answer is checked against openapi.json. */
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  newOrgId,
  type AddressGuard,
  type ImageHolding,
  type OrgId,
  type ServiceDirectory,
} from "@fastvm/contract";
import type { FastifyInstance, FastifyServerFactory } from "fastify";
import type { AnsweredRequest } from "../answered-request.ts";
import type { LendRoom } from "../engine/context.ts";
import { hashApiKey, storeApiKey } from "../engine/keys/api-keys.ts";
import { buildApp } from "../app/build-app.ts";
import { DEFAULT_CONFIG, type ControlPlaneConfig } from "../config.ts";
import { SealingKeys } from "../sealing/sealing-keys.ts";
import type { StagingHolder } from "../staging/staging-holder.ts";
import { createStaging, stagingOwner } from "../staging/staging.ts";
import type { Store } from "../store/store.ts";
import { DocumentedAnswers } from "./documented-answers.ts";
import { FakeImages } from "./fake-images.ts";
import { FakeWorker } from "./fake-worker.ts";
import { openMemoryStore } from "./memory-store.ts";
import { RecordingLog } from "./recording-log.ts";
import { untoldChanges } from "./untold-changes.ts";

/** With spaces, as the generated clients' own tests have it. */
export const TEST_KEY = "My API Key";
export const OTHER_KEY = "another organisation's key";

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Parsed; the text itself when it is not JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read into answers of every shape
  readonly body: any;
}

export interface TestApp extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly store: Store;
  readonly worker: FakeWorker;
  readonly orgId: OrgId;
  readonly log: RecordingLog;
  /** `"POST /v1/vms"` with a JSON body; checks the answer against openapi.json. */
  call(route: string, body?: unknown, options?: CallOptions): Promise<TestAnswer>;
}

export interface CallOptions {
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as it is, instead of a JSON body. */
  readonly payload?: string | Buffer;
}

export interface TestAppOptions {
  readonly config?: Partial<ControlPlaneConfig>;
  readonly store?: Store;
  readonly worker?: FakeWorker;
  /** Name of the file with the key that seals; default: one of this application alone. */
  readonly sealingKey?: string;
  /** Default: nowhere. */
  readonly guard?: AddressGuard;
  readonly serverFactory?: FastifyServerFactory;
  /** The test changes statuses by itself, without events. */
  readonly changesStatuses?: boolean;
  readonly lendRoom?: LendRoom;
  readonly useDirectory?: (directory: ServiceDirectory) => void;
  readonly useOperator?: (operator: FastifyInstance) => void;
  readonly onAnswered?: (answered: AnsweredRequest) => void;
  /** Default: fake ones. */
  readonly images?: ImageHolding | "none";
}

export async function testApp(options: TestAppOptions = {}): Promise<TestApp> {
  const store = options.store ?? (await openMemoryStore());
  const worker = options.worker ?? new FakeWorker();
  const log = new RecordingLog();
  const config = { ...DEFAULT_CONFIG, ...options.config };
  const clock = { now: () => Date.now() };
  // The first one is whose the host is.
  const orgId = await createOrganisation(store, config, TEST_KEY, 0);
  await createOrganisation(store, config, OTHER_KEY, 1);
  const { serverFactory, lendRoom, useDirectory, useOperator, onAnswered, images, guard } = options;
  const stagingFolder = await mkdtemp(join(tmpdir(), "fastvm-staging-"));
  // Made when a test seals something.
  const sealingKey = join(tmpdir(), `fastvm-sealing-${options.sealingKey ?? randomUUID()}`);
  const ownerOf = (holder: StagingHolder) => stagingOwner(store, holder);
  const staging = createStaging({ folder: stagingFolder, limits: config.staging, ownerOf, clock, log });
  const app = buildApp({
    store,
    worker,
    clock,
    log,
    config,
    staging,
    sealing: new SealingKeys({ file: sealingKey, isMade: true }),
    guard,
    ...(serverFactory ? { serverFactory } : {}),
    ...(lendRoom ? { lendRoom } : {}),
    ...(useDirectory ? { useDirectory } : {}),
    ...(useOperator ? { useOperator } : {}),
    ...(onAnswered ? { onAnswered } : {}),
    ...(images === "none" ? {} : { images: images ?? new FakeImages() }),
  });
  await app.ready();
  const documented = DocumentedAnswers.shared;
  return {
    app,
    store,
    worker,
    orgId,
    log,
    call: (route, body, callOptions) => call(app, documented, route, body, callOptions),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      for (const path of [sealingKey, stagingFolder]) await rm(path, { recursive: true, force: true });
      const isToCheck = options.changesStatuses !== true;
      // A store that cannot be read any more is what such a test is about.
      const untold = isToCheck ? await untoldChanges(store).catch(() => []) : [];
      await store.close();
      if (untold.length > 0) throw new Error(`Events do not tell of every change: ${untold.join("; ")}`);
    },
  };
}

/** Or finds it, in a store that another application had before. */
async function createOrganisation(
  store: Store,
  config: ControlPlaneConfig,
  key: string,
  createdAt: number,
): Promise<OrgId> {
  const known = await store.apiKeys.findByHash(hashApiKey(key));
  if (known !== undefined) return known.orgId;
  const id = newOrgId();
  await store.organisations.create({ id, name: key, createdAt, limits: config.defaultLimits });
  await storeApiKey(store, id, key, { now: () => 0 });
  return id;
}

async function call(
  app: FastifyInstance,
  documented: DocumentedAnswers,
  route: string,
  body: unknown,
  { key = TEST_KEY, headers = {}, payload }: CallOptions = {},
): Promise<TestAnswer> {
  const [method = "", url = ""] = route.split(" ", 2);
  const sent = payload ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await app.inject({
    method,
    url,
    headers: {
      ...(key === null ? {} : { "x-api-key": key }),
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(sent === undefined ? {} : { payload: sent }),
  });
  const contentType = String(response.headers["content-type"]);
  const text = response.payload;
  const isJson = contentType.startsWith("application/json");
  const parsed: unknown = isJson ? JSON.parse(text) : text;
  if (isJson) {
    const path = url.split("?", 1)[0] ?? "";
    documented.check({ method, path, status: response.statusCode, contentType, body: parsed });
  }
  return { status: response.statusCode, headers: response.headers, text, body: parsed };
}
