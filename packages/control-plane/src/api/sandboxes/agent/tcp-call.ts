/** A TCP connection that the guest makes for a client: `core.tcp.*`, which SSH clients forward ports over. Each half ends by itself. */
import { once } from "node:events";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { asFastvmError } from "../../../engine/engine.ts";
import type { AgentCall, AgentContext } from "./agent-context.ts";
import type { Payload } from "./frame.ts";
import { firstLineOf } from "./guest-command.ts";
import { bytesIn, numberIn, textIn } from "./payload.ts";

/** For the name and the connection together. */
const CONNECT_MS = 30_000;
/** As the reference reads them. */
const MAX_DATA_BYTES = 65_536;
const LOOPBACK: ReadonlySet<string> = new Set(["", "localhost", "127.0.0.1", "::1"]);

export class TcpCall implements AgentCall {
  readonly #ctx: AgentContext;
  readonly #connection: Promise<Duplex | undefined>;
  readonly ended: Promise<void>;
  #isClosed = false;

  constructor(ctx: AgentContext, request: Payload) {
    this.#ctx = ctx;
    this.#connection = this.#connect(textIn(request, "host") ?? "", numberIn(request, "port") ?? 0);
    this.ended = this.#connection.then((connection) => connection && this.#tell(connection));
  }

  async receive(type: string, payload: Payload): Promise<void> {
    if (type === "core.tcp.close") this.#isClosed = true;
    const connection = await this.#connection;
    if (connection === undefined || connection.destroyed) return;
    if (type === "core.tcp.close") connection.destroy();
    if (type === "core.tcp.eof") connection.end();
    if (type !== "core.tcp.data") return;
    if (!connection.write(bytesIn(payload, "data")))
      await Promise.race([once(connection, "drain"), once(connection, "close")]).catch(() => undefined);
  }

  async #connect(host: string, port: number): Promise<Duplex | undefined> {
    const { engine, vmId, signal } = this.#ctx;
    const late = AbortSignal.timeout(CONNECT_MS);
    const bounds = { signal: AbortSignal.any([signal, late]) };
    try {
      if (port < 1 || port > 65_535) throw new Error("no such port");
      const address = await this.#addressOf(host, bounds.signal);
      const connection = await engine.execs.dial(vmId, port, {
        ...bounds,
        ...(address !== undefined && { host: address }),
      });
      connection.on("error", () => undefined);
      signal.addEventListener("abort", () => connection.destroy(), { once: true });
      if (!this.#isClosed) await this.#ctx.send("core.tcp.connected", {});
      return connection;
    } catch (error) {
      const where = `connect ${host}:${port}`;
      if (signal.aborted || this.#isClosed) return undefined;
      const why = late.aborted ? `${where} timed out` : `${where}: ${asFastvmError(error).message}`;
      await this.#ctx.send("core.tcp.failed", { error: why });
      return undefined;
    }
  }

  /** Names are the guest's to know. */
  async #addressOf(host: string, signal: AbortSignal): Promise<string | undefined> {
    if (LOOPBACK.has(host)) return undefined;
    if (isIP(host) !== 0) return host;
    const line = await firstLineOf({ ...this.#ctx, signal }, ["getent", "ahosts", host]);
    const address = line?.split(/\s/, 1)[0] ?? "";
    if (isIP(address) === 0) throw new Error("the guest knows no address of that name");
    return address;
  }

  async #tell(connection: Duplex): Promise<void> {
    try {
      for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
        const data = chunk as Buffer;
        for (let at = 0; at < data.length; at += MAX_DATA_BYTES)
          await this.#ctx.send("core.tcp.data", { data: data.subarray(at, at + MAX_DATA_BYTES) });
      }
      if (this.#isClosed) return;
      await this.#ctx.send("core.tcp.eof", {});
      if (!connection.writableFinished && !connection.destroyed) await once(connection, "close");
    } catch {
      // A reset is an end like another: what came before it was told.
    } finally {
      connection.destroy();
    }
    if (!this.#isClosed && !this.#ctx.signal.aborted) await this.#ctx.send("core.tcp.closed", {});
  }
}
