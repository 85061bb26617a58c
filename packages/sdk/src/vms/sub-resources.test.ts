import { describe, expect, it } from "vitest";
import { FastvmClient } from "../index.ts";
import { json, VM, WireServer } from "../testing/wire-server.ts";

describe("what belongs to a VM or a user", () => {
  it("is reached by the routes that the API names", async () => {
    await using server = await WireServer.start(json(200, { keys: [] }));
    const client = new FastvmClient({ apiKey: "k", baseUrl: server.url });
    const { vms, me } = client;
    await vms.services.list(VM);
    await vms.services.register(VM, { name: "web", port: 8080 });
    await vms.services.update(VM, "web", { port: 8081, h2c: true });
    await vms.sshKeys.list(VM);
    await vms.sshKeys.add(VM, { publicKey: "ssh-ed25519 AAAA me@here\n", name: "laptop" });
    await vms.sshKeys.delete(VM, "SHA256:ab+c/d=");
    await me.sshKeys.list();
    await me.sshKeys.add({ publicKey: "ssh-ed25519 AAAA" });
    await me.sshKeys.delete("SHA256:x");
    await vms.files.presign(VM, { path: "/a" });
    await vms.files.fetch(VM, { url: "http://u", path: "/a", timeoutSec: 5 });
    await vms.refreshTtl(VM);
    await vms.firewall.get(VM);
    await vms.setFirewall(VM, { egress: { default: "deny" } });
    await vms.patchFirewall(VM, { ingress: [] });
    await vms.consoleToken(VM);
    await vms.stats(VM);
    await vms.logs(VM);
    const prefix = `/v1/vms/${VM.id}`;
    expect(server.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${prefix}/services`,
      `POST ${prefix}/services {"name":"web","port":8080}`,
      `PUT ${prefix}/services/web {"port":8081,"h2c":true}`,
      `GET ${prefix}/ssh-keys`,
      `POST ${prefix}/ssh-keys {"publicKey":"ssh-ed25519 AAAA me@here","name":"laptop"}`,
      `DELETE ${prefix}/ssh-keys/SHA256:ab+c%2Fd=`,
      "GET /v1/me/ssh-keys",
      'POST /v1/me/ssh-keys {"publicKey":"ssh-ed25519 AAAA"}',
      "DELETE /v1/me/ssh-keys/SHA256:x",
      `POST ${prefix}/files/presign {"path":"/a"}`,
      `POST ${prefix}/files/fetch {"url":"http://u","path":"/a","timeoutSec":5}`,
      `POST ${prefix}/ttl/refresh`,
      `GET ${prefix}/firewall`,
      `PUT ${prefix}/firewall {"egress":{"default":"deny"}}`,
      `PATCH ${prefix}/firewall {"ingress":[]}`,
      `POST ${prefix}/console-token`,
      `GET ${prefix}/stats`,
      `GET ${prefix}/logs`,
    ]);
  });

  it("may be answered with no body at all", async () => {
    await using server = await WireServer.start((_request, response) => void response.writeHead(204).end());
    const client = new FastvmClient({ apiKey: "k", baseUrl: server.url });
    expect(await client.vms.services.delete(VM, "web")).toBeUndefined();
    expect(server.requests[0]?.headers.accept).toBe("*/*");
  });

  it("includes waiting for a VM that somebody else launched", async () => {
    await using server = await WireServer.start(json(200, VM));
    const client = new FastvmClient({ apiKey: "k", baseUrl: server.url });
    expect((await client.waitForVmReady(VM.id)).status).toBe("running");
  });
});
