/** `client.vms.execs`: the routes of commands in the background, one method each. `client.vms.commands` has handles for them. */
import type { ApiPromise } from "../http/api-promise.ts";
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { DeletedResource, VmRef } from "../vms/vm.ts";
import type {
  BackgroundExec,
  BackgroundExecEvent,
  ExecOutput,
  StartExecParams,
  TerminalSize,
} from "../exec/background-exec.ts";
import { toBase64 } from "../exec/base64.ts";
import { argvOf, asBytes } from "../exec/exec.ts";
import { outputStream } from "../exec/exec-stream.ts";

export interface WriteStdinParams {
  /** Text is sent as UTF-8. */
  readonly data?: string | Uint8Array | undefined;
  /** Close stdin behind it; on a terminal, type its end. Default false. */
  readonly close?: boolean | undefined;
}

export class Execs {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /**
   * Starts a command that belongs to the VM: it outlives this client, the daemon, pause and resume, and is in snapshots
   * and forks. Never repeated by itself.
   */
  start(vm: VmRef, params: StartExecParams, options?: RequestOptions): ApiPromise<BackgroundExec> {
    const body = { ...params, command: argvOf(params.command) };
    return this.#http.json({ method: "POST", path: pathOf(vm), body, attempts: "once", options });
  }

  /** Oldest first; those that ended long ago are forgotten. */
  list(vm: VmRef, options?: RequestOptions): ApiPromise<BackgroundExec[]> {
    return this.#http.json({ method: "GET", path: pathOf(vm), options });
  }

  /** With `waitSec`, at most 50, answers when it has ended or after so long. */
  retrieve(
    vm: VmRef,
    execId: string,
    params: { readonly waitSec?: number | undefined } = {},
    options?: RequestOptions,
  ): ApiPromise<BackgroundExec> {
    const query = params.waitSec === undefined ? {} : { waitSec: String(params.waitSec) };
    return this.#http.json({
      method: "GET",
      path: pathOf(vm, execId),
      query,
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }

  /** What of its output is kept now, from an offset on. Default 0. */
  output(
    vm: VmRef,
    execId: string,
    params: { readonly offset?: number | undefined } = {},
    options?: RequestOptions,
  ): ApiPromise<ExecOutput> {
    const query = params.offset === undefined ? {} : { offset: String(params.offset) };
    return this.#http.json({ method: "GET", path: pathOf(vm, execId, "output"), query, options });
  }

  /** What is kept, then what comes, until the command ends. Leaving the loop leaves the command alone. */
  follow(
    vm: VmRef,
    execId: string,
    params: { readonly offset?: number | undefined } = {},
    options?: RequestOptions,
  ): AsyncGenerator<BackgroundExecEvent, void, undefined> {
    const query = params.offset === undefined ? {} : { offset: String(params.offset) };
    return outputStream(() =>
      this.#http.open({
        method: "GET",
        path: pathOf(vm, execId, "output"),
        query,
        accept: "application/x-ndjson",
        options,
      }),
    );
  }

  /** Resolves when the command's pipe or terminal has taken all of it. Throws ConflictError when it takes no more. */
  writeStdin(
    vm: VmRef,
    execId: string,
    params: WriteStdinParams,
    options?: RequestOptions,
  ): ApiPromise<void> {
    const { data, close } = params;
    return this.#http.json({
      method: "POST",
      path: pathOf(vm, execId, "stdin"),
      body: {
        ...(data === undefined ? {} : { data: toBase64(asBytes(data)) }),
        ...(close === undefined ? {} : { close }),
      },
      accept: "*/*",
      attempts: "once",
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }

  /** To the whole process group; a name or a number, default `SIGTERM`. */
  signal(
    vm: VmRef,
    execId: string,
    params: { readonly signal?: string | undefined } = {},
    options?: RequestOptions,
  ): ApiPromise<{ readonly signalled: boolean }> {
    const path = pathOf(vm, execId, "signal");
    return this.#http.json({ method: "POST", path, body: params, attempts: "once", options });
  }

  resize(vm: VmRef, execId: string, size: TerminalSize, options?: RequestOptions): ApiPromise<void> {
    const { cols, rows } = size;
    const path = pathOf(vm, execId, "resize");
    return this.#http.json({ method: "POST", path, body: { cols, rows }, accept: "*/*", options });
  }

  /** Kills what runs of it, and forgets it. */
  delete(vm: VmRef, execId: string, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(vm, execId), options });
  }
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), "execs", ...rest);
}
