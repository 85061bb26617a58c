/**
 * For tests: a QEMU whose monitor does what the test wants, also what no honest one would. It keeps what a worker can tell by it: whether
 * its guest runs, which layers it
 * has open and which one it writes. Its process is a real one that maps the memory file, so that pages are copied and a SIGKILL ends it;
 * no guest runs in it.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import { open, readlink, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findMemoryMapping, PAGE_BYTES } from "../memory/mapping.ts";
import { identifyProcess } from "../processes/proc.ts";
import { EXIT_FILE } from "../qemu/exit-record.ts";
import { DISK_ID, MEMORY_FILE, QMP_SOCKET, RUN_FOLDER } from "../qemu/machine.ts";
import { QemuProcess } from "../qemu/qemu-process.ts";

type Args = Readonly<Record<string, unknown>>;

/** Whether what was asked for has happened by the time it is refused: then QEMU knows something that its worker does not. */
type When = "undone" | "done";

interface Request {
  readonly id: number;
  readonly execute: string;
  readonly arguments?: Args;
}

/** What a QEMU is given, too: so the kernel tracks what this one writes. */
const LIBRARY = fileURLToPath(new URL("../../native/build/readonly-memory.so", import.meta.url));
const MAP_MEMORY = fileURLToPath(new URL("../../native/build/map-memory", import.meta.url));
const GREETING = { QMP: { version: {}, capabilities: [] } };
const STATE_BYTES = 512;

export class ScriptedQemu implements AsyncDisposable {
  /** What it was told, in order, but for the greeting. */
  readonly commands: string[] = [];
  /** Layers it has open, by node. */
  readonly nodes = new Set<string>();
  /** The node that the disk is on. */
  active = "placeholder";
  isRunning = false;
  /** What it saved last, and what it was given. */
  saved: Buffer = Buffer.alloc(0);
  loaded: Buffer | undefined;
  /** What its guest has printed and nobody has read. */
  console = "";
  /** Told when its guest is let go on. */
  onContinue: () => Promise<void> = async () => undefined;
  #process: QemuProcess | undefined;
  readonly #child: ChildProcess;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #refusals: { readonly command: string; readonly when: When }[] = [];
  #incoming: Promise<Buffer> | undefined;

  /** In a folder that has a memory file and a folder for sockets. */
  static async start(folder: string, name: string): Promise<ScriptedQemu> {
    const child = spawn(MAP_MEMORY, [MEMORY_FILE, "-name", name], {
      cwd: folder,
      env: { LD_PRELOAD: LIBRARY },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const identity = child.pid === undefined ? undefined : await identifyProcess(child.pid);
    if (identity === undefined) throw new Error("map-memory does not run");
    supervise(child, openSync(join(folder, EXIT_FILE), "w"));
    const server = createServer((socket) => qemu.#serve(socket));
    const qemu = new ScriptedQemu(child, server);
    server.listen(join(folder, QMP_SOCKET));
    await once(server, "listening");
    const [channel, incoming] = await connectedPair(join(folder, RUN_FOLDER, "incoming.sock"));
    qemu.#incoming = readWhole(incoming);
    qemu.#process = Object.assign(await QemuProcess.adopt(identity, folder), { stateChannel: channel });
    return qemu;
  }

  private constructor(child: ChildProcess, server: Server) {
    this.#child = child;
    this.#server = server;
    child.once("exit", () => this.#disconnect());
  }

  /** As the worker has it. */
  get process(): QemuProcess {
    if (this.#process === undefined) throw new Error("nobody has adopted it yet");
    return this.#process;
  }

  /** The next time it is told that. */
  refuse(command: string, when: When = "undone"): void {
    this.#refusals.push({ command, when });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Of the memory that its guest has. */
  async readPage(page: number): Promise<Buffer> {
    await using memory = await open(`/proc/${this.#child.pid}/mem`, "r");
    const at = (await this.#memoryAt()) + page * PAGE_BYTES;
    return (await memory.read(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, at)).buffer;
  }

  /** As a guest does that runs: into the process, not the file. */
  async writePage(page: number, bytes: Uint8Array): Promise<void> {
    await using memory = await open(`/proc/${this.#child.pid}/mem`, "r+");
    await memory.write(bytes, 0, PAGE_BYTES, (await this.#memoryAt()) + page * PAGE_BYTES);
  }

  async kill(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.process.qmp.close();
    this.#disconnect();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
    this.#send(socket, GREETING);
    let partial = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) void this.#answer(socket, JSON.parse(line) as Request);
    });
  }

  #disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #send(socket: Socket, message: object): void {
    if (socket.writable) socket.write(`${JSON.stringify(message)}\r\n`);
  }

  async #answer(socket: Socket, { id, execute, arguments: args = {} }: Request): Promise<void> {
    if (execute === "qmp_capabilities") return this.#send(socket, { return: {}, id });
    this.commands.push(execute);
    try {
      this.#meetRefusal(execute, "undone");
      const value = await this.#effect(execute, args);
      this.#meetRefusal(execute, "done");
      this.#send(socket, { return: value ?? {}, id });
    } catch (error) {
      const desc = error instanceof Error ? error.message : String(error);
      this.#send(socket, { error: { class: "GenericError", desc }, id });
    }
  }

  #meetRefusal(command: string, when: When): void {
    const at = this.#refusals.findIndex((one) => one.command === command && one.when === when);
    if (at < 0) return;
    this.#refusals.splice(at, 1);
    throw new Error("the test wants it refused");
  }

  async #effect(command: string, args: Args): Promise<unknown> {
    switch (command) {
      case "stop":
        return void (this.isRunning = false);
      case "quit":
        return void setImmediate(() => this.#child.kill("SIGKILL"));
      case "cont":
        this.isRunning = true;
        return await this.onContinue();
      case "query-status":
        return { status: this.isRunning ? "running" : "paused" };
      case "query-block":
        return [{ qdev: DISK_ID, inserted: { "node-name": this.active } }];
      case "query-block-jobs":
        return [];
      case "blockdev-add":
        return this.#openNode(args);
      case "blockdev-del":
        return this.#closeNode(String(args["node-name"]));
      case "blockdev-snapshot":
        return this.#switch(String(args["node"]), String(args["overlay"]));
      case "qom-set":
        return void (this.active = String(args["value"]));
      case "xen-save-devices-state":
        return await this.#save(String(args["filename"]));
      case "migrate-incoming":
        return this.#load();
      case "ringbuf-read": {
        const text = this.console;
        this.console = "";
        return Buffer.from(text).toString("base64");
      }
      default:
        return {};
    }
  }

  /** With the layers below it. */
  #openNode(args: Args): void {
    const node = String(args["node-name"]);
    if (this.nodes.has(node)) throw new Error(`Duplicate nodes with node-name='${node}'`);
    for (let at: Args | undefined = args; at != null; at = at["backing"] as Args | undefined) {
      this.nodes.add(String(at["node-name"]));
    }
  }

  #closeNode(node: string): void {
    if (node === this.active) throw new Error(`Node ${node} is in use`);
    if (!this.nodes.delete(node)) throw new Error(`Failed to find node with node-name='${node}'`);
  }

  #switch(node: string, overlay: string): void {
    if (node !== this.active || !this.nodes.has(overlay)) throw new Error("Cannot find the nodes");
    this.active = overlay;
  }

  async #save(filename: string): Promise<void> {
    if (this.isRunning) throw new Error("the guest must stand still");
    this.saved = randomBytes(STATE_BYTES);
    await writeFile(join(await this.#folder(), filename), this.saved);
  }

  async #memoryAt(): Promise<number> {
    return (await findMemoryMapping(this.process.identity.pid, join(await this.#folder(), MEMORY_FILE)))
      .address;
  }

  /** Wherever it has been moved. */
  async #folder(): Promise<string> {
    return await readlink(`/proc/${this.#child.pid}/cwd`);
  }

  #load(): void {
    void this.#incoming?.then((state) => {
      this.loaded = state;
      for (const socket of this.#sockets)
        this.#send(socket, { event: "MIGRATION", data: { status: "completed" } });
    });
  }
}

/** As whoever runs a QEMU writes down how it ended, wherever its folder is by then. */
function supervise(child: ChildProcess, record: number): void {
  child.once("exit", (code, signal) => {
    writeSync(record, signal === null ? `exit ${code}\n` : `signal ${constants.signals[signal]}\n`);
    closeSync(record);
  });
}

async function connectedPair(path: string): Promise<readonly [Socket, Socket]> {
  const server = createServer();
  server.listen(path);
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const near = createConnection(path);
  const [far] = await accepted;
  server.close();
  await rm(path, { force: true });
  return [near, far];
}

async function readWhole(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end").catch(() => undefined);
  return Buffer.concat(chunks);
}
