/**
 * A VM's disk is a chain of layers: the image's raw file at the bottom, qcow2 overlays above it, of which only the last is written.
 * Layers below the last never change, so snapshots and VMs share them by hard link. The backing order is ours to give, at every start:
 * the files do not name each other.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { QmpClient } from "../qemu/qmp-client.ts";
import { DISK_DEVICE, DISK_ID } from "../qemu/machine.ts";
import { QmpError } from "../qemu/qmp-error.ts";

export const DISK_FOLDER = "disk";

const STREAM_JOB = "compact";
/** What is being copied is finished first: a block of at most 512 KiB, on a slow disk. */
const STREAM_END_MS = 10_000;
const STREAM_POLL_MS = 10;
/** A journal is behind its QEMU by as many captures as found no room for it. More is a QEMU that lies. */
const MAX_BEHIND = 64;

/** File names in the disk folder, bottom first: `0.raw`, `1.qcow2`, … */
export type DiskChain = readonly string[];

export function layerName(index: number): string {
  return index === 0 ? "0.raw" : `${index}.qcow2`;
}

/** The name of the overlay that comes on top. Numbers only go up: a chain that was compacted has gaps. */
export function nextLayer(chain: DiskChain): string {
  const top = chain[chain.length - 1] ?? "-1.";
  return layerName(Number(top.slice(0, top.indexOf("."))) + 1);
}

/**
 * The chain once `active` is its top: each capture adds the next number, and only
 * captures add any. `undefined` when that layer is not above it.
 */
export function chainUpTo(chain: DiskChain, active: string): DiskChain | undefined {
  const grown = [...chain];
  while (layerNumber(nextLayer(grown)) <= layerNumber(active) && grown.length < chain.length + MAX_BEHIND)
    grown.push(nextLayer(grown));
  return grown[grown.length - 1] === active ? grown : undefined;
}

/** An overlay is never smaller: QEMU's tables for the smallest disk. One that is has been copied in part, and never opened. */
const LEAST_OVERLAY_BYTES = 192 * 1024;

/**
 * The chain of a QEMU that nobody can ask any more, by the layers that are there: it may have switched to one that its journal does not
 * have yet. One that was made and not switched to is empty, and does no harm.
 */
export function chainOnDisk(chain: DiskChain, sizes: ReadonlyMap<string, number>): DiskChain {
  const grown = [...chain];
  while ((sizes.get(nextLayer(grown)) ?? 0) >= LEAST_OVERLAY_BYTES) grown.push(nextLayer(grown));
  return grown;
}

function layerNumber(layer: string): number {
  return Number(layer.slice(0, layer.indexOf(".")));
}

export function nodeName(layer: string): string {
  return `disk-${layer.slice(0, layer.indexOf("."))}`;
}

/** The layer behind a node that `nodeName` named. */
function layerOf(node: string | undefined): string | undefined {
  const number = /^disk-(\d+)$/.exec(node ?? "")?.[1];
  return number === undefined ? undefined : layerName(Number(number));
}

/** What `blockdev-add` takes for one layer over the ones below it. */
function layerOptions(chain: DiskChain, at: number, flushes: boolean): Record<string, unknown> {
  const layer = chain[at];
  if (layer === undefined) throw new Error("A disk needs at least one layer");
  const isTop = at === chain.length - 1;
  return {
    driver: layer.endsWith(".raw") ? "raw" : "qcow2",
    "node-name": nodeName(layer),
    "read-only": !isTop,
    ...(isTop ? { discard: "unmap" } : {}),
    file: fileOptions(layer, isTop, flushes),
    ...(at === 0 ? {} : { backing: layerOptions(chain, at - 1, flushes) }),
  };
}

function fileOptions(layer: string, writable: boolean, flushes: boolean): Record<string, unknown> {
  return {
    driver: "file",
    filename: `${DISK_FOLDER}/${layer}`,
    // An overlay that is frozen later must let go of its right to write by itself: from then on the file is no longer this QEMU's.
    ...(writable ? { "auto-read-only": true } : { "read-only": true }),
    // Our own rules (one writer, frozen layers) replace QEMU's locks, which cost a system call for every byte they guard.
    locking: "off",
    // When the power goes, a running VM's memory is gone; a capture syncs what it publishes. So where nobody wants the disk without the
    // memory a flush has nothing to protect.
    cache: { "no-flush": !flushes },
  };
}

export interface DiskOptions {
  /** Whether what a guest flushes goes to the host's disk. Default: false. */
  readonly flushes?: boolean;
}

/** Opens the chain and puts it under the disk device in place of what is there. Only before the guest runs. */
export async function attachDisk(
  qmp: QmpClient,
  chain: DiskChain,
  { flushes = false }: DiskOptions = {},
): Promise<void> {
  await qmp.execute("blockdev-add", layerOptions(chain, chain.length - 1, flushes));
  const top = chain[chain.length - 1] ?? "";
  await qmp.execute("qom-set", { path: DISK_DEVICE, property: "drive", value: nodeName(top) });
}

/**
 * Opens an empty overlay that is not part of the chain yet. Outside the pause: opening files takes
 * milliseconds. One of that name that QEMU still has open is of a capture that was given up.
 */
export async function openOverlay(
  qmp: QmpClient,
  layer: string,
  { flushes = false }: DiskOptions = {},
): Promise<void> {
  try {
    await addOverlay(qmp, layer, flushes);
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    // QEMU refuses to close what is in use, and anything else as well when there was nothing to close.
    await closeOverlay(qmp, layer).catch(() => {
      throw error;
    });
    await addOverlay(qmp, layer, flushes);
  }
}

async function addOverlay(qmp: QmpClient, layer: string, flushes: boolean): Promise<void> {
  await qmp.execute("blockdev-add", {
    driver: "qcow2",
    "node-name": nodeName(layer),
    discard: "unmap",
    file: fileOptions(layer, true, flushes),
    backing: null,
  });
}

/** Takes back an overlay that was opened for a capture which then failed. */
export async function closeOverlay(qmp: QmpClient, layer: string): Promise<void> {
  await qmp.execute("blockdev-del", { "node-name": nodeName(layer) });
}

/**
 * Closes what is open as a layer and is none of the chain's. A node that was added by itself stays open until it is closed by its name, and
 * so its file stays on the host's disk; and every drain of QEMU's, two in each pause, asks all nodes there are.
 */
export async function closeLayersBeside(qmp: QmpClient, chain: DiskChain): Promise<void> {
  const kept = new Set(chain);
  for (let closed = ""; ;) {
    const beside = (await openLayers(qmp)).filter((layer) => !kept.has(layer));
    // From the top: each is held by the one above it, and may go with it.
    const highest = beside.toSorted((one, other) => layerNumber(other) - layerNumber(one))[0];
    if (highest === undefined) return;
    if (highest === closed) throw new Error(`QEMU does not let go of the layer ${highest}`);
    await closeOverlay(qmp, highest);
    closed = highest;
  }
}

async function openLayers(qmp: QmpClient): Promise<readonly string[]> {
  const nodes = await qmp.execute("query-named-block-nodes", { flat: true });
  return (nodes as readonly { "node-name"?: string }[]).flatMap((node) => layerOf(node["node-name"]) ?? []);
}

/** Freezes the chain and sends further writes to the opened overlay. Inside the pause. */
export async function switchToOverlay(qmp: QmpClient, chain: DiskChain, overlay: string): Promise<void> {
  const top = chain[chain.length - 1] ?? "";
  await qmp.execute("blockdev-snapshot", { node: nodeName(top), overlay: nodeName(overlay) });
}

/** The layer that QEMU writes to now: after a crash of the daemon inside a capture only QEMU knows whether the switch happened. */
export async function activeLayer(qmp: QmpClient): Promise<string> {
  const blocks = (await qmp.execute("query-block")) as readonly {
    qdev?: string;
    inserted?: { "node-name"?: string };
  }[];
  const node = blocks.find(({ qdev }) => qdev === DISK_ID)?.inserted?.["node-name"] ?? "";
  const layer = layerOf(node);
  if (layer === undefined) throw new Error(`The disk is on the unknown node "${node}"`);
  return layer;
}

/** Makes the disk device larger; the guest is told and its agent then grows the filesystem. */
export async function resizeDisk(qmp: QmpClient, chain: DiskChain, bytes: number): Promise<void> {
  const top = chain[chain.length - 1] ?? "";
  await qmp.execute("block_resize", { "node-name": nodeName(top), size: bytes });
}

/** What it holds of the disk goes to the host's: also its tables, which it writes late. */
export async function flushDisk(qmp: QmpClient, chain: DiskChain): Promise<void> {
  const top = nodeName(chain[chain.length - 1] ?? "");
  const said = await qmp.execute("human-monitor-command", { "command-line": `qemu-io ${top} "flush"` });
  if (said !== "") throw new Error(`The disk is not flushed: ${String(said)}`);
}

/** Copies what the layers between the bottom and the top hold into the top; the guest runs meanwhile. */
export async function streamIntoTop(qmp: QmpClient, chain: DiskChain): Promise<void> {
  const top = nodeName(chain[chain.length - 1] ?? "");
  const finished = Promise.withResolvers<void>();
  const unsubscribe = qmp.onEvent(({ event, data }) => {
    if (data["device"] !== STREAM_JOB) return;
    if (event === "BLOCK_JOB_COMPLETED" && data["error"] === undefined) finished.resolve();
    else if (event === "BLOCK_JOB_COMPLETED") finished.reject(new Error(`Stream: ${String(data["error"])}`));
  });
  void qmp.closed.then(finished.reject);
  finished.promise.catch(() => undefined);
  try {
    await qmp.execute("block-stream", {
      "job-id": STREAM_JOB,
      device: top,
      "base-node": nodeName(chain[0] ?? ""),
    });
    await finished.promise;
  } finally {
    unsubscribe();
  }
}

/** Ends a stream that nobody waits for; what it copied so far does no harm. Until it has ended the disk can have no new layer. */
export async function endStream(qmp: QmpClient): Promise<void> {
  const deadline = Date.now() + STREAM_END_MS;
  for (let isAsked = false; await hasJob(qmp); isAsked = true) {
    if (Date.now() > deadline) throw new Error("A stream does not end");
    // It may have ended by itself meanwhile.
    if (!isAsked) await qmp.execute("block-job-cancel", { device: STREAM_JOB }).catch(() => undefined);
    else await sleep(STREAM_POLL_MS);
  }
}

async function hasJob(qmp: QmpClient): Promise<boolean> {
  return ((await qmp.execute("query-block-jobs")) as readonly unknown[]).length > 0;
}
