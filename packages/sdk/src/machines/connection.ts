/** Calls of the API of machines: those of the HTTP client, with failures in the words of machines. */
import { readMachinesConfig } from "../client-config.ts";
import type { ClientConfig, ClientOptions } from "../client-config.ts";
import { HttpClient } from "../http/http-client.ts";
import type { ApiRequest, OpenResponse } from "../http/http-client.ts";
import { toCamel, toSnake } from "./camel.ts";
import { MachineError, machineErrorOf } from "./machine-error.ts";

interface MachineCall {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Under TypeScript's names. */
  readonly body?: object;
  readonly content?: ApiRequest["content"];
  /** Of an order that must not be carried out twice. */
  readonly key?: string | undefined;
  /** It has none, and is not repeated. */
  readonly once?: boolean;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Default: the environment's `NULLSPACE_API_KEY` and `NULLSPACE_API_URL`. */
export type MachineOptions = Pick<ClientOptions, "apiKey" | "baseUrl" | "maxRetries" | "timeoutMs" | "fetch">;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export class MachineConnection {
  readonly config: ClientConfig;
  readonly #http: HttpClient;

  /** Throws a MachineError, code `missing_api_key`. */
  constructor(options: MachineOptions) {
    const config = readMachinesConfig(options);
    if (config === undefined) {
      throw new MachineError(
        "No API key: pass { apiKey } or set the NULLSPACE_API_KEY environment variable",
        {
          code: "missing_api_key",
          suggestedAction: "Make one with: fastvm key create --api nullspace",
        },
      );
    }
    this.config = config;
    this.#http = new HttpClient(config);
  }

  /** The answer under TypeScript's names. The wire is taken on trust: a later server may send more. */
  async call<Result>(method: ApiRequest["method"], path: string, call: MachineCall = {}): Promise<Result> {
    return toCamel(await this.raw(method, path, call)) as Result;
  }

  /** The answer as it came. */
  async raw(method: ApiRequest["method"], path: string, call: MachineCall = {}): Promise<unknown> {
    try {
      return await this.#http.json<unknown>(requestOf(method, path, call));
    } catch (error) {
      throw machineErrorOf(error);
    }
  }

  /** An answer whose body the caller reads. */
  async open(path: string, call: MachineCall): Promise<OpenResponse> {
    try {
      return await this.#http.open(requestOf("GET", path, call));
    } catch (error) {
      throw machineErrorOf(error);
    }
  }
}

function requestOf(method: ApiRequest["method"], path: string, call: MachineCall): ApiRequest {
  const { query = {}, body, content, key, once, timeoutMs, signal } = call;
  const texts = Object.entries(query).map(([name, value]) => [
    name,
    value === undefined ? undefined : String(value),
  ]);
  return {
    method,
    path,
    query: Object.fromEntries(texts) as Record<string, string | undefined>,
    ...(body === undefined ? {} : { body: toSnake(body) }),
    ...(content === undefined ? {} : { content }),
    attempts: once === true ? "once" : "retried",
    ...(timeoutMs === undefined ? {} : { defaultTimeoutMs: timeoutMs }),
    options: { signal, ...(key === undefined ? {} : { headers: { "idempotency-key": key } }) },
  };
}

/** Of one order: however often it has to be sent, it is one. */
export function newKey(): string {
  return crypto.randomUUID();
}
