/** `fastvm serve`: worker and control plane in one process, until it is told to end. VMs run on without it. */
import { mkdir, readFile } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import { DEFAULT_MACHINE_TYPE, FastvmError } from "@fastvm/contract";
import { bindPort, createControlPlane, openStoreAt } from "@fastvm/control-plane";
import type { BoundPort, ControlPlane, Store, StoreLocation } from "@fastvm/control-plane";
import { createEdge } from "@fastvm/edge";
import type { Edge } from "@fastvm/edge";
import { CLOSED_FOLDER_MODE, HostAddressGuard, replaceFileDurably, syncPath, Worker } from "@fastvm/worker";
import { pino } from "pino";
import type { Logger } from "pino";
import type { DaemonConfig } from "./config.ts";
import { closeDataFolder } from "./close-data-folder.ts";
import { closeInherited } from "./close-inherited.ts";
import { DiskReserve, isOutOfDisk } from "./disk-reserve.ts";
import { releaseHeap } from "./heap-release.ts";
import { claimFolder, refuseSecond, releaseFolder } from "./instance-file.ts";
import type { Instance } from "./instance-file.ts";
import { urlOf } from "./listen-address.ts";
import { keepFromCores } from "./keep-from-cores.ts";
import { logDestination } from "./log-destination.ts";
import { METRICS_CONTENT_TYPE, renderMetrics } from "./metrics.ts";
import { startTelemetry } from "./telemetry/telemetry.ts";
import packageJson from "../package.json" with { type: "json" };
import {
  apiKeyFile,
  databaseFile,
  operatorSocket,
  registriesFile,
  sealingKeyFile,
  sandboxLogFolder,
  stagingFolder,
} from "./paths.ts";
import { databaseFailure, folderFailure, portFailure, StartFailure } from "./start-failure.ts";
import { tellManager } from "./service-manager.ts";
import { obeySteps } from "./steps-folder.ts";
import { readTlsFiles } from "./tls-files.ts";
import type { TlsFiles } from "./tls-files.ts";

/** First of the 65,536 user ids that QEMU processes run under: far above what people and containers are given. */
const UID_BASE = 1_900_000_000;
/** Launches are refused when less than this is free: the host itself needs to breathe. */
const RESERVE_MIB = 384;
const HOUR_MS = 3_600_000;
/** Of URLs that name none. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** Resolves when the daemon has been told to end and has ended. */
export async function serve(given: DaemonConfig): Promise<void> {
  closeInherited();
  keepFromCores();
  // Libraries make files, too, SQLite three of them, and none takes a mode: what has to be wider says so where it is made.
  process.umask(0o077);
  const log = pino({ level: given.logLevel }, logDestination());
  // One request's bug must not end what serves all others.
  process.on("unhandledRejection", (error) =>
    log.error({ err: error }, "a promise failed that nobody waited for"),
  );
  if (given.stepsFolder !== undefined) obeySteps(given.stepsFolder);
  const tls = given.tls && (await readTlsFiles(given.tls));
  await refuseSecond(given.dataDir);
  // In the order in which others have them: whoever lacks one of them has changed nothing.
  const port = await bindPort(given.host, given.port).catch((error: unknown) => {
    throw portFailure(given, error);
  });
  const config = { ...given, port: port.port };
  try {
    await serveAt(port, config, tls, log);
  } catch (error) {
    const isExplained = error instanceof StartFailure || error instanceof FastvmError;
    if (!isExplained) log.fatal({ err: error }, "the daemon cannot go on");
    throw error;
  } finally {
    port.close();
  }
}

async function serveAt(
  port: BoundPort,
  config: DaemonConfig,
  tls: TlsFiles | undefined,
  log: Logger,
): Promise<void> {
  const url = urlOf(config, tls === undefined ? "http" : "https");
  const reserve = new DiskReserve(config.dataDir);
  await prepareFolder(config.dataDir, reserve, { url, certificate: tls?.fingerprint });
  try {
    const opened = reserve.lend(() => openStoreAt(storeLocation(config), log));
    const store = await opened.catch((error: unknown) => {
      throw databaseFailure(config.databaseUrl, databaseFile(config.dataDir), error);
    });
    await run({ port, store, config, tls, log, reserve });
  } finally {
    await releaseFolder(config.dataDir);
  }
}

async function prepareFolder(
  dataDir: string,
  reserve: DiskReserve,
  served: Pick<Instance, "url" | "certificate">,
): Promise<void> {
  try {
    await closeDataFolder(dataDir);
    await reserve.lend(() => claimFolder(dataDir, served));
    // Before any guest goes on, who may have waited for just this block.
    await reserve.lend(() => mkdir(stagingFolder(dataDir), { recursive: true, mode: CLOSED_FOLDER_MODE }));
  } catch (error) {
    const isSystemError = error instanceof Error && "syscall" in error;
    throw isSystemError ? folderFailure(dataDir, error) : error;
  }
}

interface Parts {
  readonly port: BoundPort;
  readonly store: Store;
  readonly config: DaemonConfig;
  readonly tls: TlsFiles | undefined;
  readonly log: Logger;
  readonly reserve: DiskReserve;
}

async function run({ port, store, config, tls, log, reserve }: Parts): Promise<void> {
  const toldToEnd = untilSignal();
  // Before anything is started, as it refuses what is no network.
  const guard = new HostAddressGuard(config.webhookNetworks);
  // The worker is there first, so that it can be reconciled with; what a guest sends before the control plane is there ends.
  let controlPlane: ControlPlane | undefined;
  const accept = (connection: Duplex): void => {
    if (controlPlane === undefined) connection.destroy();
    else controlPlane.acceptFromGuest(connection);
  };
  const worker = await startWorker(config, tls, log, accept).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  let edge: Edge | undefined;
  const { version } = packageJson;
  const telemetry = await startTelemetry(worker, { traces: config.traces, version, log });
  const { figures } = telemetry;
  try {
    const made = await reserve.lend(() =>
      createControlPlane({
        worker: telemetry.worker,
        isTraced: config.traces !== undefined,
        onAnswered: (answered) => figures.answered(answered),
        log,
        store: { kind: "open", store },
        port,
        config: {
          domain: config.domain,
          pathUrls: config.pathUrls,
          publicUrl: config.publicUrl,
          consoleOrigins: config.consoleOrigins,
          quarantineMs: config.quarantineHours * HOUR_MS,
        },
        sealingKey: {
          file: config.sealingKeyFile ?? sealingKeyFile(config.dataDir),
          isMade: config.sealingKeyFile === undefined,
        },
        guard,
        operatorSocket: operatorSocket(config.dataDir),
        images: worker.images,
        cache: worker.cache,
        ...(tls === undefined ? {} : { tls }),
        proxyServices: (directory) => {
          const { domain, pathUrls, wakeMs } = config;
          const limits = wakeMs === undefined ? {} : { wakeMs };
          edge = createEdge({ worker, directory, domain, pathUrls, log, limits });
          return edge;
        },
        metrics: {
          contentType: METRICS_CONTENT_TYPE,
          read: async () => `${await readFigures(worker, edge, controlPlane)}${await figures.read()}`,
        },
        stagingFolder: stagingFolder(config.dataDir),
        sandboxLogFolder: sandboxLogFolder(config.dataDir),
        // Of a database elsewhere the disk is another.
        ...(config.databaseUrl === undefined
          ? { lendRoom: async (work) => await reserve.lendAtNeed(work) }
          : {}),
      }),
    );
    controlPlane = made;
    await reserve.lend(() => keepKey(config, made));
    await becomeReady(made, worker, { config, log });
    await serveUntil(toldToEnd, { config, log, reserve });
  } finally {
    await controlPlane?.close();
    await worker.close();
    await telemetry.end();
  }
}

async function becomeReady(
  controlPlane: ControlPlane,
  worker: Worker,
  { config, log }: Pick<Parts, "config" | "log">,
): Promise<void> {
  // Whoever has VMs wants to reach them; whoever has none, to launch one soon, and to be told here when it cannot be.
  const hasVms = (await worker.inventory()).vms.length > 0;
  if (!hasVms) await warmUp(worker, log);
  const url = await controlPlane.listen({ host: config.host, port: config.port });
  log.info({ url, dataDir: config.dataDir }, "ready");
  // Otherwise at the end, which a daemon that is killed does not come to. Without a cache it does nothing.
  flushCompileCache();
  if (hasVms)
    void warmUp(worker, log).catch((err: unknown) => log.error({ err }, "nothing is ready for launches"));
}

async function serveUntil(
  toldToEnd: Promise<NodeJS.Signals>,
  { config, log, reserve }: Pick<Parts, "config" | "log" | "reserve">,
): Promise<void> {
  const ended = new AbortController();
  try {
    const manager = tellManager(config.manager, ended.signal, (err) =>
      log.warn({ err }, "the service manager was not told"),
    );
    void releaseHeap(ended.signal);
    void reserve.keepFull(ended.signal, (err) => log.warn({ err }, "no room was set aside"));
    const signal = await toldToEnd;
    manager.tellEnd();
    log.info({ signal }, "ending; VMs run on");
  } finally {
    ended.abort();
  }
}

async function readFigures(
  worker: Worker,
  edge: Edge | undefined,
  controlPlane: ControlPlane | undefined,
): Promise<string> {
  // A database that is away must not take the other figures along.
  const quarantined = await controlPlane?.quarantined().catch(() => undefined);
  const queues = await controlPlane?.queues().catch(() => undefined);
  return await renderMetrics({ worker: await worker.metrics(), edge: edge?.metrics(), quarantined, queues });
}

async function startWorker(
  config: DaemonConfig,
  tls: TlsFiles | undefined,
  log: Logger,
  accept: (connection: Duplex) => void,
): Promise<Worker> {
  const { ipv6Prefix, nameservers, publishAddresses } = config;
  const network = config.network === "none" ? "none" : { ipv6Prefix, nameservers, publishAddresses };
  const worker = await Worker.start({
    config: {
      dataDir: config.dataDir,
      cacheDir: config.cacheDir,
      cacheGib: config.cacheGib,
      imageDir: config.imageDir,
      registriesFile: registriesFile(config.dataDir),
      importFolders: config.importFolders,
      mountFolders: config.mountFolders,
      bucketNetworks: config.bucketNetworks,
      growsMountedVolumes: config.growsMountedVolumes,
      poolSize: config.poolSize,
      poolMaxSize: config.poolMaxSize,
      poolMemoryMib: config.poolMemoryMib,
      network,
      tlsChain: tls?.cert,
      reserveMib: RESERVE_MIB,
      memoryOvercommit: config.memoryOvercommit,
      uidBase: UID_BASE,
    },
    forward: { port: config.port, publicPort: publicPort(config), accept },
    onError: (error) => log.error({ err: error }, "the worker met a failure that no caller waits for"),
  });
  log.info(worker.verdict, "accelerator");
  return worker;
}

async function warmUp(worker: Worker, log: Logger): Promise<void> {
  try {
    await worker.warm(DEFAULT_MACHINE_TYPE);
  } catch (error) {
    if (!isOutOfDisk(error)) throw error;
    // Launches are refused, but what there is can be deleted.
    log.error({ err: error }, "the disk is full, so nothing is ready for launches");
  }
}

function publicPort({ publicUrl }: DaemonConfig): number | undefined {
  if (publicUrl === undefined) return undefined;
  const { port, protocol } = new URL(publicUrl);
  return port === "" ? DEFAULT_PORTS[protocol] : Number(port);
}

function storeLocation(config: DaemonConfig): StoreLocation {
  return config.databaseUrl === undefined
    ? { kind: "sqlite", path: databaseFile(config.dataDir) }
    : { kind: "postgres", url: config.databaseUrl };
}

/** The owner of the machine finds the first key in a file; the store has only its digest. */
async function keepKey(config: DaemonConfig, controlPlane: ControlPlane): Promise<void> {
  const file = apiKeyFile(config.dataDir);
  const known = (await readFile(file, "utf8").catch(() => "")).trim();
  const key = await controlPlane.ensureKey(known === "" ? undefined : known);
  if (key !== known) await replaceFileDurably(file, `${key}\n`);
  await settleFolder(config.dataDir);
}

/** What is told to be kept is kept in folders that a power cut leaves where they are. */
async function settleFolder(dataDir: string): Promise<void> {
  await syncPath(dataDir);
  await syncPath(dirname(dataDir));
}

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
      process.once(signal, () => resolve(signal));
  });
}
