/** The control plane as one thing that the daemon starts and stops: store, application, socket, first key. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import {
  type AddressGuard,
  type CacheHolding,
  type ImageHolding,
  type ServiceDirectory,
  type WorkerPort,
} from "@fastvm/contract";
import type { FastifyInstance, FastifyServerFactory } from "fastify";
import type { LendRoom } from "./engine/context.ts";
import { generateApiKey, hashApiKey, storeApiKey } from "./engine/keys/api-keys.ts";
import { buildApp } from "./app/build-app.ts";
import { systemClock } from "./clock.ts";
import { DEFAULT_CONFIG, type ControlPlaneConfig } from "./config.ts";
import { createOrganisation } from "./engine/organisations/organisations.ts";
import type { BoundPort } from "./http/bound-port.ts";
import { createApiServer, type TlsFiles } from "./http/api-server.ts";
import type { RequestDiversion } from "./http/request-diversion.ts";
import type { Log } from "./log.ts";
import { listenForRoot } from "./operator/listen-for-root.ts";
import type { AnsweredRequest } from "./answered-request.ts";
import type { QueueFigures } from "./queue-figures.ts";
import type { MetricsSource } from "./metrics-source.ts";
import { SealingKeys, type SealingKeyPlace } from "./sealing/sealing-keys.ts";
import { createStaging, stagingOwner } from "./staging/staging.ts";
import type { QuarantineEntry } from "./store/quarantine-repository.ts";
import { openPostgresStore, openSqliteStore, type Store } from "./store/store.ts";

export type StoreLocation =
  /** One file, owned by this process alone. */
  | { readonly kind: "sqlite"; readonly path: string }
  /** `postgres://…`. */
  | { readonly kind: "postgres"; readonly url: string }
  /** Opened before; the control plane closes it. */
  | { readonly kind: "open"; readonly store: Store };

export interface ControlPlaneOptions {
  readonly worker: WorkerPort;
  readonly log: Log;
  readonly store: StoreLocation;
  /** Taken before: `listen` serves it, whatever address it is given. */
  readonly port?: BoundPort;
  /** What differs from DEFAULT_CONFIG. */
  readonly config?: Partial<ControlPlaneConfig>;
  /** For what is on its way to and from VMs; emptied at each start, removed at the end. Default: a temporary folder. */
  readonly stagingFolder?: string;
  /** Where what commands of sandboxes print is kept. Absent: in memory. */
  readonly sandboxLogFolder?: string;
  /** For the records of deletes on a full disk. Absent: they have what room there is. */
  readonly lendRoom?: LendRoom | undefined;
  /** Absent: cleartext. */
  readonly tls?: TlsFiles;
  /** Served at `/metrics` of the operator's socket, and to keys that may. Absent: nothing is. */
  readonly metrics?: MetricsSource;
  /** Is told of each request that was answered. */
  readonly onAnswered?: (answered: AnsweredRequest) => void;
  /** Whether there are spans of requests, for whoever has said by OpenTelemetry's API where they go. Default: there are none. */
  readonly isTraced?: boolean;
  /** Images of registries, for the operator; the caller closes them. Absent: there are none. */
  readonly images?: ImageHolding;
  /** What the host keeps ready, for the operator. */
  readonly cache?: CacheHolding;
  /** Of the key that seals secrets of organisations. Absent: they can have none. */
  readonly sealingKey?: SealingKeyPlace;
  /** Where webhooks may lead. Absent: nowhere. */
  readonly guard?: AddressGuard;
  /** Path of a socket for the owner of the machine: figures of the host, VMs of all organisations. Absent: there is none. */
  readonly operatorSocket?: string;
  /** Makes the proxy that takes the requests to VMs' services on the API's port. Absent: there is none. */
  readonly proxyServices?: (directory: ServiceDirectory) => RequestDiversion;
}

export interface ControlPlane {
  readonly app: FastifyInstance;
  /** Reconciles with the worker, then accepts connections. Port 0 picks a free one. Resolves to the base URL. */
  listen(address: { readonly host: string; readonly port: number }): Promise<string>;
  /**
   * Makes sure that there is an organisation and that the returned key opens it: `known` when it is given (it is registered if
   * it is new), else a fresh one. Only digests are stored, so a fresh key is seen here once and never again.
   */
  ensureKey(known?: string): Promise<string>;
  /** How many VMs and snapshots no record knows. */
  quarantined(): Promise<Record<QuarantineEntry["kind"], number>>;
  /** How much waits, for whoever watches. */
  queues(): Promise<QueueFigures>;
  /** Serves a connection that a guest opened to the API's port on its own loopback: staging URLs only. */
  acceptFromGuest(connection: Duplex): void;
  /** Ends connections and background work and closes the store. VMs run on. */
  close(): Promise<void>;
}

/** Opens the store and brings its schema up to date; rejects when that fails. */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { log, worker } = options;
  const config = { ...DEFAULT_CONFIG, ...options.config };
  const store = await openStoreAt(options.store, log);
  const server = createApiServer(options.tls);
  const serverFactory = onPort(server.serverFactory, options.port);
  const staging = createStaging({
    folder: options.stagingFolder ?? (await mkdtemp(join(tmpdir(), "fastvm-staging-"))),
    limits: config.staging,
    ownerOf: (holder) => stagingOwner(store, holder),
    clock: systemClock,
    log,
    tls: options.tls,
  });
  const { proxyServices, operatorSocket } = options;
  let readQueues: (() => Promise<QueueFigures>) | undefined;
  let operator: FastifyInstance | undefined;
  let closeOperator: (() => Promise<void>) | undefined;
  const app = buildApp({
    store,
    worker,
    clock: systemClock,
    log,
    config,
    staging,
    sandboxLogFolder: options.sandboxLogFolder,
    sealing: new SealingKeys(options.sealingKey),
    lendRoom: options.lendRoom,
    guard: options.guard,
    serverFactory,
    metrics: options.metrics,
    images: options.images,
    cache: options.cache,
    isTraced: options.isTraced ?? false,
    ...(options.onAnswered === undefined ? {} : { onAnswered: options.onAnswered }),
    useQueues: (read) => (readQueues = read),
    useOperator: (served) => (operator = served),
    useDirectory: (directory) => proxyServices && server.divert(proxyServices(directory)),
  });
  return {
    app,
    listen: async (address) => {
      await app.ready();
      // First: whoever hears from the address that it is ready may ask for what is root's at once.
      if (operator !== undefined && operatorSocket !== undefined) {
        closeOperator = await listenForRoot(operator, operatorSocket);
      }
      const url = await app.listen(address);
      // Fastify does not look at the server that it was given.
      return options.tls === undefined ? url : url.replace(/^http:/, "https:");
    },
    acceptFromGuest: (connection) => staging.acceptFromGuest(connection),
    queues: async () => {
      if (readQueues === undefined) throw new Error("the application told of no queues");
      return await readQueues();
    },
    quarantined: async () => {
      const counts = { vm: 0, snapshot: 0 };
      for (const { kind } of await store.quarantine.list()) counts[kind] += 1;
      return counts;
    },
    ensureKey: (known) => ensureKey(store, config, known),
    close: async () => {
      server.drain(config.connectionGraceMs);
      await closeOperator?.();
      await app.close();
      // Also that of a control plane that never came to listen.
      await staging.objects.remove();
      await store.close();
    },
  };
}

/** Fastify lets its server listen on an address, and not on a port that was taken. */
function onPort(make: FastifyServerFactory, port: BoundPort | undefined): FastifyServerFactory {
  if (port === undefined) return make;
  return (handler, options) => {
    const server = make(handler, options);
    server.listen = () => {
      port.listen(server);
      return server;
    };
    return server;
  };
}

/** Brings its schema up to date; rejects when that fails, or when the database does not answer. */
export async function openStoreAt(location: StoreLocation, log: Log): Promise<Store> {
  if (location.kind === "open") return location.store;
  if (location.kind === "sqlite") return openSqliteStore(location.path);
  return openPostgresStore(location.url, (error) => {
    log.warn({ err: error }, "an idle connection to PostgreSQL was lost");
  });
}

async function ensureKey(
  store: Store,
  config: ControlPlaneConfig,
  known: string | undefined,
): Promise<string> {
  const key = known ?? generateApiKey();
  // Nothing is written for a key that is known: a daemon must start on a full disk too, since deleting is what frees room.
  if ((await store.apiKeys.findByHash(hashApiKey(key))) !== undefined) return key;
  await store.transaction(async (records) => {
    // Two control planes that start at once on one PostgreSQL must not both make the organisation.
    await records.organisations.lockFirst();
    if ((await records.apiKeys.findByHash(hashApiKey(key))) !== undefined) return;
    let orgId = (await records.organisations.first())?.id;
    if (orgId === undefined) {
      orgId = (await createOrganisation(records, "default", config.defaultLimits, systemClock)).id;
    }
    await storeApiKey(records, orgId, key, systemClock);
  });
  return key;
}
