/** A machine's ports, as they are reached from outside. What opens one is a secret: print it through `redactPreviewUrl`. */
import { joinPath } from "../http/path.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import type { HostInfo, PreviewGrant, PreviewProxyTarget, PreviewReadiness, PreviewUrl } from "./types.ts";

export interface ExpiryOptions extends CallOptions {
  /** From a minute to a day. Default: the deployment's. */
  readonly expiresInSeconds?: number | undefined;
}

export interface ProxyTargetOptions extends ExpiryOptions {
  /** Default: both. */
  readonly transports?: readonly ("http" | "websocket")[] | undefined;
  readonly includeTrafficTokenHint?: boolean | undefined;
}

export interface ReadinessOptions extends CallOptions {
  readonly kind?: "tcp" | "http" | undefined;
  readonly path?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly intervalMs?: number | undefined;
}

/** The probe's longest wait, and the way. */
const READINESS_TIMEOUT_MS = 150_000;

export class MachinePorts {
  protected readonly connection: MachineConnection;
  /** Of this execution of the machine. */
  readonly id: string;
  protected readonly path: string;

  constructor(connection: MachineConnection, id: string) {
    this.connection = connection;
    this.id = id;
    this.path = joinPath("v1", "machines", id);
  }

  /** Where a port is reached. What listens there must do so on all addresses. */
  getHost(port: number, options: CallOptions = {}): Promise<HostInfo> {
    return this.connection.call("POST", `${this.path}/host`, { body: { port }, once: true, ...options });
  }

  /** The signed URL, or the host under the API's scheme where there are none. */
  async getUrl(port: number, options: CallOptions = {}): Promise<string> {
    const { host, url } = await this.getHost(port, options);
    return url ?? `${new URL(this.connection.config.baseUrl).protocol}//${host}`;
  }

  /** A signed URL and the grant behind it. */
  createSignedPreviewUrl(
    port: number,
    { expiresInSeconds, signal }: ExpiryOptions = {},
  ): Promise<PreviewUrl> {
    const call = { body: { expiresInSeconds }, once: true, signal };
    return this.connection.call("POST", `${this.path}/ports/${port}/signed-preview-url`, call);
  }

  /** The grants, with what came through each. The tokens themselves are kept nowhere. */
  async listPreviewUrls({ port, signal }: CallOptions & { readonly port?: number } = {}): Promise<
    readonly PreviewGrant[]
  > {
    const call = { query: { port }, signal };
    const { items } = await this.connection.call<{ readonly items: readonly PreviewGrant[] }>(
      "GET",
      `${this.path}/preview-urls`,
      call,
    );
    return items;
  }

  /** What was opened by it is closed to all that comes after. */
  async revokePreviewUrl(grantId: string, options: CallOptions = {}): Promise<void> {
    await this.connection.raw("DELETE", `${this.path}/preview-urls${joinPath(grantId)}`, options);
  }

  /** For a proxy of the caller's, which sends the token in a header, so that no browser sees it. */
  createPreviewProxyTarget(
    port: number,
    { signal, transports = ["http", "websocket"], ...body }: ProxyTargetOptions = {},
  ): Promise<PreviewProxyTarget> {
    return this.connection.call("POST", `${this.path}/ports/${port}/preview-proxy-target`, {
      body: { ...body, transports, tokenTransport: "header" },
      once: true,
      signal,
    });
  }

  /** Waits for a service to listen. One that does not come to is no failure but `ready: false`. */
  checkPreviewReadiness(
    port: number,
    { signal, kind = "tcp", ...rest }: ReadinessOptions = {},
  ): Promise<PreviewReadiness> {
    const call = { body: { kind, ...rest }, timeoutMs: READINESS_TIMEOUT_MS, signal };
    return this.connection.call("POST", `${this.path}/ports/${port}/readiness`, call);
  }
}
