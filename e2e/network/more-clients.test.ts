/**
 * Clients that the base image lacks, and one in an image with nothing else, trust what is intercepted. An emulated guest installs them for
 * minutes, so FASTVM_TEST_CLIENTS=all alone runs them, where Debian's archive is to be reached. `interception.test.ts` has the others.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripTypeScriptTypes } from "node:module";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { layoutOf } from "../../packages/worker/src/testing/oci-layout.ts";
import { testImage } from "../../packages/worker/src/testing/test-registry.ts";
import { APT_INSTALL, APT_UPDATE } from "../harness/apt.ts";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { makeAuthority } from "../harness/private-authority.ts";
import { makeStaticWorld } from "../harness/static-world.ts";

const LIMIT_MS = 1_800_000;
const FILES_PORT = 8444;
const GRPC_PORT = 8446;
const FILES = `https://other.test:${FILES_PORT}`;
const IMAGE = "localhost/clients:static";
const BUNDLE = "etc/ssl/certs/ca-certificates.crt";
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PACKAGES = "openjdk-17-jdk-headless ca-certificates-java python3-grpcio libssl-dev";
/** All that gRPC of Node needs besides Node. */
const MODULES = ["@grpc/grpc-js", "@js-sdsl/ordered-map"];

const JAVA = `import java.net.URI;
import java.net.http.*;
public class Get {
  public static void main(String[] arguments) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
    System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}`;
const GRPC_PYTHON = `import grpc
channel = grpc.secure_channel("other.test:${GRPC_PORT}", grpc.ssl_channel_credentials())
call = channel.unary_unary("/test.Echo/Unary", request_serializer=str.encode, response_deserializer=bytes.decode)
print(call("payload", timeout=60).removeprefix("echo "))`;
const GRPC_NODE = `import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { ECHO_DEFINITION } from "./grpc-echo.mjs";
const Echo = makeGenericClientConstructor(ECHO_DEFINITION, "Echo");
new Echo("other.test:${GRPC_PORT}", credentials.createSsl()).unary("payload", (error, value) => {
  if (error) throw error;
  console.log(value.replace("echo ", ""));
  process.exit(0);
});`;

/** Each prints what a server says. */
const CLIENTS: Readonly<Record<string, string>> = {
  "Node's fetch": `/srv/node -e 'fetch("${FILES}/payload").then((r) => r.text()).then((t) => console.log(t))'`,
  npm: `cd /srv && ./node npm/bin/npm-cli.js install --silent --no-audit --prefix /srv/app --registry ${FILES}/npm/ demo >/dev/null &&
    ./node -e 'require("/srv/app/node_modules/demo")'`,
  "Java 17": `java /srv/Get.java ${FILES}/payload`,
  "gRPC's core, by Python": `python3 /srv/call.py`,
  "gRPC of Node": `cd /srv && ./node call.mjs`,
};

let folder: string;
let dataDir: string;
let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let ca: string;

describe.runIf(process.env["FASTVM_TEST_CLIENTS"] === "all")("with what Debian has", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-clients-"));
    dataDir = await mkdtemp("/var/cache/fastvm-test/data-");
    const snapshot = await install();
    lab = await NetworkLab.start();
    await lab.setNames({ "other.test": [{ type: "A", data: WORLD.v4, ttl: 60 }] });
    const authority = makeAuthority(folder, ["DNS:other.test"]);
    ({ ca } = authority);
    const files = join(folder, "files");
    await mkdir(files);
    makeStaticWorld(files, FILES);
    const { chain: cert, key } = authority;
    await lab.startOrigin({ address: WORLD.v4, port: FILES_PORT, folder: files, cert, key });
    await lab.startServer(here("../harness/grpc-echo.ts"), `${GRPC_PORT}`, WORLD.v4, cert, key);
    daemon = await TestDaemon.start({ ...lab.daemonOptions, dataDir, poolSize: 0 });
    client = daemon.client;
    vm = await client.vms.launch({ snapshotId: snapshot.id, tls: tls() });
  }, LIMIT_MS);

  afterAll(async () => {
    await runCli(["image", "rm", "--everybody", IMAGE], daemon.environment);
    await daemon?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
    for (const path of [folder, dataDir]) await rm(path, { recursive: true, force: true });
  });

  test(
    "clients that bring authorities of their own trust it, without an option",
    async () => {
      const said: [string, string][] = [];
      for (const [name, command] of Object.entries(CLIENTS))
        said.push([name, (await sh(client, vm, `{ ${command}; } 2>&1 || true`)).trim()]);
      expect(Object.fromEntries(said)).toEqual(
        Object.fromEntries(Object.keys(CLIENTS).map((name) => [name, "payload"])),
      );
    },
    LIMIT_MS,
  );

  test(
    "so does a static client in an image that has it and authorities, and nothing else",
    async () => {
      const other = await client.vms.launch({ image: IMAGE, machineType: "c1m2", tls: tls() });
      const asked = ["/client", WORLD.v4, `${FILES_PORT}`, "other.test", "/payload"];
      expect(await client.vms.run(other, asked)).toMatchObject({ stdout: "payload\n", stderr: "" });
    },
    LIMIT_MS,
  );
});

const tls = () => ({ ports: [443, FILES_PORT, GRPC_PORT], upstreamCa: [ca] });

/** By a daemon on this machine's own network, which reaches the archive; the world of the test does not. */
async function install(): Promise<Snapshot> {
  daemon = await TestDaemon.start({ dataDir, poolSize: 0, settings: { network: "on" } });
  client = daemon.client;
  const installed = await client.vms.launch({ machineType: "c2m4" });
  await sh(client, installed, `${APT_UPDATE} && ${APT_INSTALL} ${PACKAGES}`, {
    timeoutMs: LIMIT_MS,
  });
  const programs = join(folder, "srv");
  await mkdir(programs);
  await writeFile(join(programs, "Get.java"), JAVA);
  await writeFile(join(programs, "call.py"), GRPC_PYTHON);
  await writeFile(join(programs, "call.mjs"), GRPC_NODE);
  const echo = await readFile(here("../harness/grpc-echo.ts"), "utf8");
  await writeFile(join(programs, "grpc-echo.mjs"), stripTypeScriptTypes(echo));
  await cp(here("static-client.c"), join(programs, "static-client.c"));
  for (const name of MODULES)
    await cp(join("node_modules", name), join(programs, "node_modules", name), { recursive: true });
  const npm = join(dirname(process.execPath), "../../npm");
  await cp(npm, join(programs, "npm"), { recursive: true });
  await client.upload(installed, programs, "/srv");
  await client.upload(installed, process.execPath, "/srv/node");
  await sh(
    client,
    installed,
    "chmod +x /srv/node; cd /srv && gcc -static -o client static-client.c -lssl -lcrypto 2>/dev/null",
  );
  await client.download(installed, "/srv/client", join(folder, "client"));
  await client.download(installed, `/${BUNDLE}`, join(folder, "bundle"));
  await loadStatic();
  const snapshot = await client.snapshots.create({ vmId: installed.id });
  await client.vms.delete(installed);
  await daemon.stop();
  return snapshot;
}

async function loadStatic(): Promise<void> {
  const layer = pack();
  layer.entry({ name: "client", mode: 0o755 }, await readFile(join(folder, "client")));
  layer.entry({ name: BUNDLE, mode: 0o644 }, await readFile(join(folder, "bundle")));
  layer.finalize();
  const image = testImage({ layers: [await buffer(layer)], config: { Cmd: ["/client"] } });
  const archive = await layoutOf(image, IMAGE, [image.top, ...image.blobs.values()]);
  const loaded = await runCli(["image", "load"], daemon.environment, archive);
  expect(loaded.exitCode, loaded.stderr).toBe(0);
}
