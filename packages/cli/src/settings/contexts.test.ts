/** Servers that one logs in at: which is meant, who gets whose key, and what is refused. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { expect, it, vi } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome } from "../testing/run-cli.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Before a server without TLS, a certificate of its own for localhost. */
async function serveTls(api: FakeApi, folder: string) {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    const behind = connect(Number(new URL(api.url).port), "127.0.0.1");
    for (const each of [socket, behind]) each.on("error", () => each.destroy());
    socket.pipe(behind).pipe(socket);
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { cert, port, url: `https://localhost:${port}`, [Symbol.dispose]: () => void server.close() };
}

it("a login is kept, with the authority, for its owner's eyes", async () => {
  await using api = await FakeApi.start();
  using home = new CliHome();
  using tls = await serveTls(api, home.folder);
  api.addVm({ name: "far" });
  const untrusted = await home.run(["login", tls.url, "--key-stdin"], {}, "test key\n");
  expect(untrusted).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("--ca FILE") });
  const otherName = `https://127.0.0.1:${tls.port}`;
  expect(
    (await home.run(["login", otherName, "--ca", tls.cert, "--key-stdin"], {}, "test key")).stderr,
  ).toContain("the name that its certificate is for");
  const kept = await home.run(["login", tls.url, "--ca", tls.cert, "--key-stdin"], {}, "test key\n");
  expect(kept).toMatchObject({ exitCode: 0, stdout: `localhost ${tls.url}, organisation o\n` });
  const file = join(home.folder, ".config/fastvm/contexts.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  // The certificate's file is not needed any more.
  writeFileSync(tls.cert, "");
  expect(await home.run(["vm", "ls"])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("far") });
  const listed = await home.run(["context", "ls", "--json"]);
  expect(JSON.parse(listed.stdout)).toEqual([
    { name: "local", current: false },
    { name: "localhost", current: true, url: tls.url },
  ]);
  expect(listed.stdout).not.toContain("test key");
  expect(await home.run(["__complete", "context", "use", ""])).toMatchObject({
    stdout: "local\nlocalhost\n",
  });
});

it("what is no login is not kept", async () => {
  await using api = await FakeApi.start();
  using home = new CliHome();
  const login = (url: string, ...more: string[]) =>
    home.run(["login", url, "--key-stdin", ...more], {}, "wrong");
  expect((await login(api.url)).stderr).toContain("401");
  expect((await login("http://vms.example.com")).stderr).toContain("in plain text");
  expect((await login("vms.example.com")).stderr).toContain("no URL");
  expect((await login("https://user@vms.example.com")).stderr).toContain("more than the server's address");
  expect((await login(api.url, "--name", "local")).stderr).toContain("cannot be a context's name");
  expect((await login(api.url, "--ca", "/etc/hostname")).stderr).toContain("cannot be read");
  expect((await home.run(["login", api.url])).stderr).toContain("--key-stdin");
  expect(JSON.parse((await home.run(["context", "ls", "--json"])).stdout)).toEqual([
    { name: "local", current: true },
  ]);
});

it("a line means one server, and no other gets its key", async () => {
  await using one = await FakeApi.start();
  await using other = await FakeApi.start();
  using home = new CliHome();
  one.addVm({ name: "on-one" });
  other.addVm({ name: "on-other" });
  for (const [name, api] of [
    ["one", one],
    ["other", other],
  ] as const) {
    await home.run(["login", api.url, "--name", name, "--key-stdin"], {}, "test key");
  }
  const names = async (args: readonly string[], env: Record<string, string> = {}): Promise<string> => {
    const { stdout, stderr } = await home.run(["vm", "ls", ...args], env);
    return /on-\w+|Error.*/.exec(`${stdout}${stderr}`)?.[0] ?? "";
  };
  expect(await names([])).toBe("on-other");
  expect(await names(["--context", "one"])).toBe("on-one");
  expect(await names([], { FASTVM_CONTEXT: "one" })).toBe("on-one");
  expect(await names(["--context", "one"], { FASTVM_BASE_URL: other.url, FASTVM_API_KEY: "x" })).toBe(
    "on-one",
  );
  expect(await names(["--context", "none"])).toContain('no context "none"');
  // The key of another server is not tried.
  const seen = one.calls.length;
  expect(await names([], { FASTVM_BASE_URL: one.url })).toBe("Error: No API key");
  expect(await names(["--base-url", one.url, "--context", "other"])).toBe("Error: No API key");
  expect(one.calls).toHaveLength(seen);
  expect(await home.run(["context", "use", "one"])).toMatchObject({ exitCode: 0 });
  expect(await names([])).toBe("on-one");

  const data = join(home.folder, "data");
  mkdirSync(data);
  writeFileSync(join(data, "api-key"), "test key\n");
  writeFileSync(join(data, "daemon.json"), JSON.stringify({ url: other.url, process: { pid: 1 } }));
  await home.run(["context", "use", "local"]);
  expect(await names([])).toBe("on-other");
  expect(await home.run(["logout", "one"])).toMatchObject({ exitCode: 0, stdout: "one\n" });
  expect((await home.run(["context", "use", "one"])).stderr).toContain("There are: local, other");
  expect((await home.run(["logout"])).stderr).toContain("logged in nowhere");
});
