/** What uploads and downloads share: their options, the calls they need, and the PUT and GET of the staging object. */
import type { Command, ExecOptions, ExecResult } from "../exec/exec.ts";
import { streamOf } from "../http/body-of.ts";
import type { VmRef } from "../vms/vm.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import type { Files } from "./files.ts";

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  /** Seconds for each command in the VM. Default 600. */
  readonly execTimeoutSec?: number | undefined;
  /** Seconds for the VM to fetch an upload. Default 600. */
  readonly fetchTimeoutSec?: number | undefined;
  /** Called as bytes go over the wire: compressed ones, when a folder is sent. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

export interface TransferProgress {
  readonly transferredBytes: number;
  /** Absent for a folder, whose compressed size nobody knows before its end. */
  readonly totalBytes?: number;
}

/** The calls of the client that a transfer makes, and the `fetch` for its staging object. */
export interface TransferCalls {
  readonly files: Files;
  run(vm: VmRef, command: Command, options: ExecOptions): Promise<ExecResult>;
  readonly fetch: typeof globalThis.fetch;
}

const DEFAULT_TIMEOUT_SEC = 600;
/** Of a server's or a command's complaint no more than this is worth repeating. */
const MAX_COMPLAINT_CHARS = 2000;

export function transferTimeoutSec(timeoutSec: number | undefined): number {
  return timeoutSec ?? DEFAULT_TIMEOUT_SEC;
}

/** Runs a shell command in the VM and throws a FileTransferError when it fails. */
export async function runChecked(
  calls: TransferCalls,
  vm: VmRef,
  script: string,
  options: TransferOptions,
): Promise<void> {
  const timeoutSec = transferTimeoutSec(options.execTimeoutSec);
  const result = await calls.run(vm, ["sh", "-c", script], { timeoutSec, signal: options.signal });
  throwIfFailed(result, "The VM's side of the transfer");
}

export function throwIfFailed(result: ExecResult, what: string): void {
  if (result.timedOut) throw new FileTransferError(`${what} took too long`);
  if (result.exitCode === 0) return;
  const complaint = result.stderr.trim().slice(0, MAX_COMPLAINT_CHARS);
  throw new FileTransferError(`${what} failed with exit code ${result.exitCode}: ${complaint}`);
}

/** POSIX single quotes: nothing between them means anything to the shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A path as one word of a shell command: one that begins with a dash is a path all the same. */
export function shellPath(path: string): string {
  return shellQuote(path.startsWith("/") ? path : `./${path}`);
}

export function shellWords(words: readonly string[]): string {
  return words.map((word) => shellQuote(word)).join(" ");
}

/** The API key is not sent along: the URL is the permission. */
export async function putObject(
  calls: Pick<TransferCalls, "fetch">,
  url: string,
  body: AsyncIterable<Uint8Array>,
  size: number | undefined,
  options: TransferOptions,
): Promise<void> {
  const init: RequestInit & { duplex: "half" } = {
    method: "PUT",
    headers: {
      "content-type": "application/octet-stream",
      ...(size === undefined ? {} : { "content-length": String(size) }),
    },
    body: streamOf(countBytes(body, size, options)),
    duplex: "half",
    // Node's fetch keeps a copy of every byte it sends, for a redirect, unless it is told in both ways that none will be followed.
    redirect: "error",
    window: null,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const response = await calls.fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw refused("upload", response.status, text);
}

export async function* getObject(
  calls: TransferCalls,
  url: string,
  options: TransferOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const response = await calls.fetch(url, options.signal === undefined ? {} : { signal: options.signal });
  if (!response.ok) throw refused("download", response.status, await response.text());
  if (response.body === null) return;
  const length = response.headers.get("content-length");
  yield* countBytes(response.body, length === null ? undefined : Number(length), options);
}

function refused(what: string, status: number, text: string): FileTransferError {
  return new FileTransferError(`The ${what} was refused (${status}): ${text.slice(0, MAX_COMPLAINT_CHARS)}`);
}

async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  totalBytes: number | undefined,
  { onProgress }: TransferOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let transferredBytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    transferredBytes += chunk.length;
    onProgress?.({ transferredBytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
  }
}
