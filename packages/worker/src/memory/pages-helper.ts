/**
 * The native program that copies pages between the memory of VMs and files (native/pages): one for all VMs of a worker, started when it
 * is first needed, and again should it be ended. Whatever was under way then is rejected: who asked takes what was begun for nothing.
 */
import { fileURLToPath } from "node:url";
import { getSystemErrorName } from "node:util";
import { runTool, startCoprocess } from "../processes/spawn.ts";
import type { Coprocess } from "../processes/spawn.ts";
import { AnswerReader, EXTENT_BYTES } from "./pages-answer.ts";
import type { Answer, Scanned } from "./pages-answer.ts";
import type { FileExtent } from "./page-map.ts";
import { PAGE_BYTES } from "./mapping.ts";
import type { MemoryMapping } from "./mapping.ts";

const HELPER_PATH = fileURLToPath(new URL("../../native/build/fastvm-pages", import.meta.url));
const PROBE_TIMEOUT_MS = 10_000;
/** A memory of 64 GiB, read from a slow swap and written to a slow disk. What takes this long hangs. */
const REQUEST_DEADLINE_MS = 600_000;
/** Each is a thread and a buffer of a megabyte; what comes on top waits. */
const MAX_REQUESTS = 32;

/** How the kernel tells which pages were written: see native/pages/scan.c. The order is that of the wire. */
const WANTED = ["written", "private", "private by entry"] as const;
export type Wanted = (typeof WANTED)[number];

interface ScanRequest {
  readonly pid: number;
  readonly mapping: MemoryMapping;
  readonly wanted: Wanted;
  /** Whether a write to what is found counts as written from then on. */
  readonly protect: boolean;
  /** Where the pages that are found go, one after the other from that page on. Without it none are copied, but told. */
  readonly to?: { readonly path: string; readonly filePage: number };
}

interface CopyRequest {
  /** A page file, or the memory of a process. */
  readonly from: string;
  /** Where in it page 0 is. Default: at its begin. */
  readonly baseFrom?: number;
  /** A file that is there, or the memory of a process. */
  readonly to: string;
  /** Where in it page 0 is. */
  readonly base: number;
  readonly extents: readonly FileExtent[];
  /** Leaves out pages of zeros: for a target that is a hole there. */
  readonly sparse: boolean;
}

interface Job {
  readonly id: number;
  readonly bytes: Buffer;
  readonly resolve: (answer: Scanned) => void;
  readonly reject: (error: Error) => void;
  deadline?: NodeJS.Timeout;
}

export class PagesHelper {
  #process: Coprocess | undefined;
  #reader = new AnswerReader();
  readonly #running = new Map<number, Job>();
  readonly #waiting: Job[] = [];
  #lastId = 0;
  #closed = false;

  /** Whether the kernel tracks writes here, and why not. */
  static async probe(): Promise<{ readonly tracksWrites: boolean; readonly detail: string }> {
    const detail = (await runTool(HELPER_PATH, ["--probe"], { timeoutMs: PROBE_TIMEOUT_MS })).trim();
    return { tracksWrites: detail === "async-wp", detail };
  }

  /** Rejects with a system error: EPERM when writes to the memory are not tracked. What was protected by then is not known any more. */
  async scan(request: ScanRequest): Promise<Scanned> {
    const { pid, mapping, wanted, protect, to } = request;
    const memory = `${pid} ${mapping.address} ${mapping.bytes}`;
    const target = to === undefined ? "0 -" : `${to.filePage} ${asField(to.path)}`;
    const rest = `${memory} ${WANTED.indexOf(wanted)} ${protect ? 1 : 0} ${target}\n`;
    return await this.#ask((id) => Buffer.from(`scan ${id} ${rest}`));
  }

  async copy(request: CopyRequest): Promise<void> {
    const { baseFrom = 0, base, sparse, extents } = request;
    const paths = `${asField(request.from)}\t${asField(request.to)}`;
    const rest = `${baseFrom} ${base} ${sparse ? 1 : 0} ${extents.length} ${paths}\n`;
    await this.#ask((id) => Buffer.concat([Buffer.from(`copy ${id} ${rest}`), encodeExtents(extents)]));
  }

  close(): void {
    this.#closed = true;
    this.#end(new Error("The worker is being closed"));
  }

  #ask(encode: (id: number) => Buffer): Promise<Scanned> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("The worker is being closed"));
      const id = ++this.#lastId;
      this.#waiting.push({ id, bytes: encode(id), resolve, reject });
      this.#startNext();
    });
  }

  #startNext(): void {
    while (this.#running.size < MAX_REQUESTS) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running.set(job.id, job);
      const hangs = new Error(`Pages were not copied within ${REQUEST_DEADLINE_MS} ms`);
      job.deadline = setTimeout(() => this.#end(hangs), REQUEST_DEADLINE_MS).unref();
      this.#process ??= this.#start();
      this.#process.stdin.write(job.bytes);
    }
  }

  #start(): Coprocess {
    const process = startCoprocess(HELPER_PATH, []);
    this.#reader = new AnswerReader();
    process.stdout.on("data", (bytes: Buffer) => this.#read(process, bytes));
    process.exited.then(
      () => this.#ended(process, new Error("The copying of pages was ended")),
      (error: unknown) => this.#ended(process, new Error("Nothing here copies pages", { cause: error })),
    );
    return process;
  }

  #read(process: Coprocess, bytes: Buffer): void {
    if (process !== this.#process) return;
    try {
      for (const answer of this.#reader.read(bytes)) this.#settle(answer);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #settle({ id, errno, ...scanned }: Answer): void {
    const job = this.#running.get(id);
    if (job === undefined) return;
    this.#running.delete(id);
    clearTimeout(job.deadline);
    if (errno === 0) job.resolve(scanned);
    else job.reject(asSystemError(errno));
    this.#startNext();
  }

  #ended(process: Coprocess, cause: Error): void {
    if (process === this.#process) this.#end(cause);
  }

  #end(cause: Error): void {
    this.#process?.kill();
    this.#process = undefined;
    const jobs = [...this.#running.values()];
    this.#running.clear();
    for (const job of jobs) {
      clearTimeout(job.deadline);
      job.reject(cause);
    }
    if (this.#closed) for (const job of this.#waiting.splice(0)) job.reject(cause);
    this.#startNext();
  }
}

function encodeExtents(extents: readonly FileExtent[]): Buffer {
  const bytes = Buffer.alloc(extents.length * EXTENT_BYTES);
  extents.forEach(({ firstPage, pages, filePage }, index) => {
    bytes.writeUInt32LE(firstPage, index * EXTENT_BYTES);
    bytes.writeUInt32LE(pages, index * EXTENT_BYTES + 4);
    bytes.writeUInt32LE(filePage, index * EXTENT_BYTES + 8);
  });
  return bytes;
}

/** The wire ends a path at these. */
function asField(path: string): string {
  if (/[\t\n]/.test(path)) throw new Error(`${JSON.stringify(path)} cannot be named to what copies pages`);
  return path;
}

/** As Node's own: what tells a full disk looks at the code. */
function asSystemError(errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: pages were not copied`), { code, errno: -errno });
}

/** Of a process, as a target to copy to. */
export function memoryOf(pid: number): string {
  return `/proc/${pid}/mem`;
}

export function bytesOf(pages: number): number {
  return pages * PAGE_BYTES;
}
