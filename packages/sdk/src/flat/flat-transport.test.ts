import { once } from "node:events";
import { createSecureServer } from "node:http2";
import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { APIConnectionError, APIConnectionTimeoutError, FastVM, NotFoundError } from "../index.ts";
import { selfSignedCertificate } from "../testing/self-signed.ts";
import { VM } from "../testing/wire-server.ts";

const certificate = selfSignedCertificate();
const RESULT = { exitCode: 0, stdout: "hi\n", stderr: "", timedOut: false, durationMs: 1 };

beforeAll(() => {
  setDefaultCACertificates([...getCACertificates("default"), certificate.cert]);
});

/** An HTTP/2 server that remembers its sessions and answers by path. */
async function startHttp2(): Promise<{
  server: Http2SecureServer;
  sessions: ServerHttp2Session[];
  url: string;
}> {
  const server = createSecureServer(certificate);
  const sessions: ServerHttp2Session[] = [];
  server.on("session", (session) => sessions.push(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    const path = String(headers[":path"]);
    if (path.endsWith("/missing")) stream.respond({ ":status": 404, "content-type": "application/json" });
    else if (path.endsWith("/never")) return;
    else if (path.endsWith("/lost")) stream.session?.destroy();
    else stream.respond({ ":status": 200, "content-type": "application/json" });
    if (stream.destroyed) return;
    if (path.endsWith("/exec")) stream.end(JSON.stringify(RESULT));
    else if (path.endsWith("/vms")) stream.end(JSON.stringify([VM]));
    else if (path.endsWith("/missing")) stream.end(JSON.stringify({ error: "none" }));
    else stream.end(JSON.stringify(VM));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, sessions, url: urlOf(server) };
}

function urlOf(server: { address(): AddressInfo | string | null }): string {
  const address = server.address();
  return `https://127.0.0.1:${typeof address === "object" ? address?.port : ""}/api`;
}

describe("over TLS", () => {
  it("carries all calls on the one session that warmup opened, and close ends it", async () => {
    const { server, sessions, url } = await startHttp2();
    const client = new FastVM({ apiKey: "k", baseUrl: url });
    await client.warmup();
    const answers = await Promise.all([client.list(), client.run(VM.id, "echo hi"), client.get(VM.id)]);
    expect(answers[1].stdout).toBe("hi\n");
    expect(sessions).toHaveLength(1);
    const [session] = sessions;
    const ended = session === undefined ? undefined : once(session, "close");
    client.close();
    await ended;
    server.close();
  });

  it("shares one handshake among calls that start together", async () => {
    const { server, sessions, url } = await startHttp2();
    const client = new FastVM({ apiKey: "k", baseUrl: url });
    await Promise.all([client.list(), client.list(), client.list()]);
    expect(sessions).toHaveLength(1);
    client.close();
    server.close();
  });

  it("opens a new session after the old one was lost", async () => {
    const { server, sessions, url } = await startHttp2();
    const client = new FastVM({ apiKey: "k", baseUrl: url });
    await client.list();
    const [session] = sessions;
    if (session !== undefined) {
      session.destroy();
      await once(session, "close");
    }
    // The client may learn of the loss only by a call, which is then repeated.
    expect(await client.list()).toHaveLength(1);
    expect(sessions).toHaveLength(2);
    client.close();
    server.close();
  });

  it("translates failures as on HTTP/1.1", async () => {
    const { server, sessions, url } = await startHttp2();
    const client = new FastVM({ apiKey: "k", baseUrl: url, timeout: 1_000 });
    await expect(client.get("missing")).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.get("never")).rejects.toBeInstanceOf(APIConnectionTimeoutError);
    await expect(client.get("lost")).rejects.toBeInstanceOf(APIConnectionError);
    client.close();
    for (const session of sessions) session.destroy();
    server.close();
  });

  it("falls back to HTTP/1.1 where the server has no HTTP/2", async () => {
    const server = createHttpsServer(certificate, (_request, response) => response.end(JSON.stringify([VM])));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = new FastVM({ apiKey: "k", baseUrl: urlOf(server) });
    expect(await client.list()).toHaveLength(1);
    client.close();
    server.closeAllConnections();
    server.close();
  });

  it("rejects a certificate that nobody vouches for", async () => {
    const stranger = createSecureServer(selfSignedCertificate());
    stranger.listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const client = new FastVM({ apiKey: "k", baseUrl: urlOf(stranger) });
    await expect(client.warmup()).rejects.toThrow(/self-signed/);
    stranger.close();
  });
});
