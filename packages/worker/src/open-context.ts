/** Puts a worker's parts together: looks at the host once, then everything else only uses what was found. */
import { createHash } from "node:crypto";
import { chmod, mkdir, realpath } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { BuildCaches, buildCachesIn } from "./cache/build-caches.ts";
import { Cache } from "./cache/cache.ts";
import { cacheBudget } from "./cache/cache-budget.ts";
import type { WorkerConfig } from "./config.ts";
import { CLOSED_FOLDER_MODE } from "./files/closed-folder.ts";
import { OverlayFactory } from "./disk/overlay.ts";
import { Cgroups } from "./host/cgroups.ts";
import { cpuModel, readTscKhz } from "./host/cpu.ts";
import { probeNamespaces } from "./host/namespaces.ts";
import { UidAllocator } from "./host/uid-allocator.ts";
import { loadImage } from "./image/image.ts";
import type { Image } from "./image/image.ts";
import { ImageStore } from "./images/image-store.ts";
import type { MemoryCopier } from "./memory/capture-memory.ts";
import { PagesHelper } from "./memory/pages-helper.ts";
import { Network } from "./network/network.ts";
import type { NetworkOptions } from "./network/network.ts";
import { Intercepted } from "./vm/state/intercepted.ts";
import { networkDevice } from "./pool/slot.ts";
import { openSlotPool } from "./pool/slot-pool.ts";
import { decideAccelerator } from "./qemu/accelerator.ts";
import type { Verdict } from "./qemu/accelerator.ts";
import { machineDigest } from "./qemu/machine.ts";
import type { Accelerator } from "./qemu/machine.ts";
import { findQemuProgram } from "./qemu/qemu-program.ts";
import { identityOf, keepInstalledQemu } from "./qemu/qemu-set.ts";
import { COMPATIBILITY_VERSION } from "./snapshot/manifest.ts";
import type { TemplateHost } from "./template/make-template.ts";
import { TemplateStore } from "./template/template-store.ts";
import { chooseAnchor } from "./trust/anchor.ts";
import { trustIn } from "./trust/trust.ts";
import type { Trust } from "./trust/trust.ts";
import { openStartTurns } from "./vm/restore/start-turns.ts";
import { openStandbyPool } from "./vm/restore/standby.ts";
import type { StandbyPoolOptions } from "./vm/restore/standby.ts";
import { poolFolder, qemuStore, standbyFolder, templatingFolder } from "./vm/state/worker-context.ts";
import { Admission } from "./vm/state/admission.ts";
import { HostVolumes } from "./volumes/host-volumes.ts";
import { settleLate } from "./vm/state/late-settling.ts";
import type { WorkerContext } from "./vm/state/worker-context.ts";

export const QEMU_PATH = "qemu-system-x86_64";
/** Of a name that stands in names of interfaces, tables and namespaces. */
const INSTANCE_DIGITS = 6;
/** A VM that stands by takes twice what a waiting process does, and there are as many of both. */
const STANDBY_TO_SLOT = 2;
const NATIVE = fileURLToPath(new URL("../native/build/", import.meta.url));

interface OpenedContext {
  readonly context: WorkerContext;
  readonly verdict: Verdict;
}

export async function openContext(
  config: WorkerConfig,
  callbacks: Pick<WorkerContext, "onGuestLost" | "onError" | "emit" | "forward" | "ending">,
): Promise<OpenedContext> {
  // Images are nobody's secret, and who builds them is not only root.
  if ((await mkdir(config.cacheDir, { recursive: true })) !== undefined) await chmod(config.cacheDir, 0o755);
  await mkdir(config.dataDir, { recursive: true, mode: CLOSED_FOLDER_MODE });
  const cacheFolder = await realpath(config.cacheDir);
  const { cache, images, buildCaches } = await openCache(config, cacheFolder, callbacks.onError);
  const image = await useImage(cache, config.imageDir);
  const { installedQemu, qemuHost, qemuPath } = await openQemu(config);
  const tscKhz = await readTscKhz(join(NATIVE, "tsc-khz"), config.cacheDir);
  const verdict = await decideAccelerator({
    qemuPath,
    qemuVersion: installedQemu.version,
    cpuModel: cpuModel(),
    image,
    cacheFolder: join(config.cacheDir, "accelerator"),
  });
  const { accelerator, masked } = verdict;
  const uids = new UidAllocator(config.uidBase);
  const cgroups = await Cgroups.open(scopeOf(config.dataDir));
  await cgroups.joinAsDaemon();
  const proxies = { uids, cgroups, namespaces: qemuHost.namespaces, folder: join(config.dataDir, "proxies") };
  const network = await openNetwork(config, proxies, callbacks.onError);
  const compatibility: WorkerContext["compatibility"] = (machine) => ({
    version: COMPATIBILITY_VERSION,
    qemu: identityOf(installedQemu),
    accelerator,
    machineDigest: machineDigest({ machine, accelerator, network: networkDevice({ network }), masked }),
    // Under TCG a guest sees QEMU's own CPU model, on every host the same.
    cpuModel: accelerator === "kvm" ? cpuModel() : "max",
    tscKhz,
  });
  const overlays = await OverlayFactory.open(join(config.dataDir, "overlays"));
  const copier = await openCopier();
  const trust = trustOf(config);
  const slotHost = { qemuHost, uids, cgroups, network, masked };
  const { forward, onError } = callbacks;
  const starts = { ...slotHost, overlays, copier, forward };
  const makes = { ...starts, compatibility, installedQemu, accelerator, tscKhz, trust, onError };
  const templates = openTemplates(config, cache, cacheFolder, makes);
  const pools = openPools(config, accelerator, starts, onError);
  const vms: WorkerContext["vms"] = new Map();
  const context: WorkerContext = {
    ...slotHost,
    config,
    cache,
    buildCaches,
    image,
    images,
    builds: new Map(),
    accelerator,
    compatibility,
    installedQemu,
    overlays,
    copier,
    templates,
    trust,
    intercepted: new Intercepted(callbacks.emit),
    volumes: new HostVolumes(config, { uids, cgroups, namespaces: qemuHost.namespaces }),
    ...pools,
    vms,
    unreadable: new Set(),
    admission: new Admission(config, vms),
    startTurns: openStartTurns(),
    ...callbacks,
  };
  settleLate(context);
  return { context, verdict };
}

async function openCache(
  { cacheGib, dataDir, registriesFile }: WorkerConfig,
  folder: string,
  onError: (error: unknown) => void,
): Promise<Pick<WorkerContext, "cache" | "images" | "buildCaches">> {
  const budgetBytes = await cacheBudget(folder, cacheGib);
  const images = await ImageStore.open({ cacheDir: folder, registriesFile, maxBytes: budgetBytes, onError });
  const buildCaches = new BuildCaches(buildCachesIn(dataDir), budgetBytes);
  const cache = new Cache({ folder, budgetBytes, shelf: images, builds: buildCaches, onError });
  return { cache, images, buildCaches };
}

/** Between the look at what is current and the word that we use it another may have become so, and this one gone. */
async function useImage(cache: Cache, imageDir: string): Promise<Image> {
  const image = await loadImage(imageDir);
  await cache.use(image.folder);
  const again = await loadImage(imageDir);
  return again.folder === image.folder ? again : await useImage(cache, imageDir);
}

function openTemplates(
  config: WorkerConfig,
  cache: Cache,
  cacheFolder: string,
  host: Omit<TemplateHost, "workFolder" | "image">,
): TemplateStore {
  return new TemplateStore(
    { ...host, workFolder: templatingFolder(config) },
    cache,
    join(cacheFolder, "templates"),
    join(config.dataDir, "templates"),
  );
}

/** Of the daemon's own certificate: it is what guests download from. */
function trustOf({ tlsChain }: WorkerConfig): Trust | undefined {
  const pem = tlsChain && chooseAnchor(tlsChain);
  return trustIn(pem === undefined ? [] : [{ purpose: "daemon", pem }]);
}

async function openCopier(): Promise<MemoryCopier> {
  const { tracksWrites } = await PagesHelper.probe();
  return { helper: new PagesHelper(), tracksWrites };
}

async function openQemu(
  config: WorkerConfig,
): Promise<Pick<WorkerContext, "installedQemu" | "qemuHost"> & { readonly qemuPath: string }> {
  const program = await findQemuProgram(config.qemuPath ?? QEMU_PATH);
  return {
    qemuPath: program.path,
    installedQemu: await keepInstalledQemu(program, qemuStore(config)),
    qemuHost: {
      libraries: program.libraries,
      namespaces: (await probeNamespaces()).given,
      readonlyMemoryLibrary: join(NATIVE, "readonly-memory.so"),
    },
  };
}

function openPools(
  config: WorkerConfig,
  accelerator: Accelerator,
  host: StandbyPoolOptions["host"],
  onError: (error: unknown) => void,
): Pick<WorkerContext, "pool" | "standby"> {
  const common = { host, accelerator, size: config.poolSize, maxSize: config.poolMaxSize, onError };
  const memoryMib = config.poolMemoryMib / (1 + STANDBY_TO_SLOT);
  return {
    pool: openSlotPool({ ...common, memoryMib, folder: poolFolder(config) }),
    standby: openStandbyPool({
      ...common,
      memoryMib: memoryMib * STANDBY_TO_SLOT,
      folder: standbyFolder(config),
    }),
  };
}

async function openNetwork(
  config: WorkerConfig,
  proxies: NonNullable<NetworkOptions["proxies"]>,
  onError: (error: unknown) => void,
): Promise<Network | undefined> {
  if (config.network === "none") return undefined;
  const scope = scopeOf(config.dataDir);
  return await Network.open({
    ...config.network,
    instance: scope.slice(0, INSTANCE_DIGITS),
    proxies,
    onError,
  });
}

/** Short and stable for one data folder: daemons of different folders share one machine. */
function scopeOf(dataDir: string): string {
  return createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
}
