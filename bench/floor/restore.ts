/**
 * The floor: what a bare script needs to bring a captured VM to its agent's answer. Everything is QEMU's and
 * the guest's work; there is no journal, no user, no control group, no checksum, no identity and nobody to ask.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { copyFile, link, mkdir, open, readFile, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Agent } from "./agent.ts";
import { Monitor } from "./monitor.ts";
import { floorArguments } from "./qemu-arguments.ts";
import type { FloorMachine } from "./qemu-arguments.ts";

/** A template that the product made, and what a restore of it needs ready. */
export interface FloorSource {
  readonly folder: string;
  readonly machine: FloorMachine;
  /** File names, bottom first. */
  readonly layers: readonly string[];
  readonly emptyOverlay: string;
  /** New VMs get their folders here. */
  readonly scratch: string;
}

export interface FloorVm extends AsyncDisposable {
  readonly pid: number;
  readonly folder: string;
  readonly monitor: Monitor;
  readonly agent: Agent;
  /** From the first system call to the agent's answer. */
  readonly restoreMs: number;
}

interface TemplateManifest {
  readonly machine: { readonly cpu: number; readonly memoryMib: number };
  readonly diskGib: number;
  readonly compatibility: { readonly accelerator: "kvm" | "tcg" };
  readonly layers: readonly { readonly name: string }[];
}

/** `scratch` is on the template's filesystem. */
export async function openFloorSource(folder: string, scratch: string): Promise<FloorSource> {
  const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as TemplateManifest;
  const emptyOverlay = join(scratch, "empty.qcow2");
  await mkdir(scratch, { recursive: true });
  await execFileAsync("qemu-img", [
    ...["create", "-q", "-f", "qcow2"],
    ...[emptyOverlay, `${manifest.diskGib}G`],
  ]);
  return {
    folder,
    scratch,
    emptyOverlay,
    machine: { accelerator: manifest.compatibility.accelerator, ...manifest.machine },
    layers: manifest.layers.map(({ name }) => name),
  };
}

const execFileAsync = promisify(execFile);
const TAP = "tap0";
/** Opens the TAP device and becomes QEMU; with the library the one part of the product that the floor uses. */
const CONFINE = fileURLToPath(new URL("../../packages/worker/native/build/confine", import.meta.url));
/** Without it no QEMU has the kernel track what its guest writes. */
const LIBRARY = fileURLToPath(
  new URL("../../packages/worker/native/build/readonly-memory.so", import.meta.url),
);

let started = 0;

export async function floorRestore(
  source: FloorSource,
  { tracksWrites = false }: { readonly tracksWrites?: boolean } = {},
): Promise<FloorVm> {
  const name = `floor-${process.pid}-${++started}`;
  const folder = join(source.scratch, name);
  // Ahead of time, as the product does it.
  await using stack = new AsyncDisposableStack();
  await makeNamespace(name);
  stack.defer(() => removeNamespace(name));
  const startedAt = performance.now();
  await makeFolder(source, folder);
  const qemu = await start(name, folder, source.machine, tracksWrites);
  try {
    const monitor = await Monitor.connect(join(folder, "run", "qmp.sock"));
    await load(monitor, qemu, source);
    const agent = await Agent.greet(join(folder, "run", "link.sock"));
    const restoreMs = performance.now() - startedAt;
    const owned = stack.move();
    const dispose = async (): Promise<void> => {
      agent.close();
      monitor.close();
      await end(qemu, folder);
      await owned.disposeAsync();
    };
    return { pid: qemu.pid ?? 0, folder, monitor, agent, restoreMs, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await end(qemu, folder);
    throw error;
  }
}

async function start(
  name: string,
  folder: string,
  machine: FloorMachine,
  tracksWrites: boolean,
): Promise<ChildProcess> {
  await using log = await open(join(folder, "qemu.log"), "a");
  const network = ["--network", `/run/netns/${name}`, "--tap", TAP, "--tap-descriptor", "4"];
  const preload = tracksWrites ? ["env", `LD_PRELOAD=${LIBRARY}`] : [];
  const qemu = ["--", ...preload, "qemu-system-x86_64", ...floorArguments(name, machine)];
  return spawn(CONFINE, ["--keep", "3", ...network, ...qemu], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", log.fd, log.fd, "pipe"],
  });
}

async function makeNamespace(name: string): Promise<void> {
  await execFileAsync("ip", ["netns", "add", name]);
  await execFileAsync("ip", ["-n", name, "tuntap", "add", TAP, "mode", "tap", "vnet_hdr"]);
  await execFileAsync("ip", ["-n", name, "link", "set", TAP, "up"]);
}

async function removeNamespace(name: string): Promise<void> {
  await execFileAsync("ip", ["netns", "del", name]);
}

async function makeFolder({ folder, layers, emptyOverlay }: FloorSource, target: string): Promise<void> {
  await mkdir(join(target, "run"), { recursive: true });
  await mkdir(join(target, "disk"));
  await link(join(folder, "memory"), join(target, "memory"));
  for (const layer of layers) await link(join(folder, "disk", layer), join(target, "disk", layer));
  await copyFile(emptyOverlay, join(target, "disk", "top.qcow2"));
}

async function load(monitor: Monitor, qemu: ChildProcess, source: FloorSource): Promise<void> {
  const capability = { capability: "x-ignore-shared", state: true };
  const events = { capability: "events", state: true };
  await monitor.execute("migrate-set-capabilities", { capabilities: [capability, events] });
  await monitor.execute("blockdev-add", disk(source.layers));
  await monitor.execute("qom-set", { path: "/machine/peripheral/disk", property: "drive", value: "top" });
  await monitor.execute("migrate-incoming", { uri: "fd:3" });
  const channel = qemu.stdio[3];
  if (!(channel instanceof Socket)) throw new Error("QEMU has no descriptor 3");
  channel.on("error", () => undefined);
  channel.end(await readFile(join(source.folder, "state")));
  await monitor.next(
    ({ event, data }) => event === "MIGRATION" && (data as { status: string }).status === "completed",
  );
  await monitor.execute("cont");
}

function disk(layers: readonly string[]): Record<string, unknown> {
  let below: Record<string, unknown> | undefined;
  for (const layer of layers) below = node(layer, below);
  return { ...node("top.qcow2", below), "node-name": "top", "read-only": false, discard: "unmap" };
}

/** The cache and locking options of the product's layers, so that both give QEMU the same work. */
function node(file: string, backing: Record<string, unknown> | undefined): Record<string, unknown> {
  const isTop = file === "top.qcow2";
  return {
    driver: file.endsWith(".raw") ? "raw" : "qcow2",
    "read-only": true,
    file: {
      driver: "file",
      filename: `disk/${file}`,
      locking: "off",
      cache: { "no-flush": true },
      ...(isTop ? { "auto-read-only": true } : { "read-only": true }),
    },
    ...(backing === undefined ? {} : { backing }),
  };
}

async function end(qemu: ChildProcess, folder: string): Promise<void> {
  const exited = new Promise((resolve) => qemu.once("exit", resolve));
  if (qemu.exitCode === null && qemu.signalCode === null && qemu.kill("SIGKILL")) await exited;
  await rm(folder, { recursive: true, force: true });
}
