/** Debian's docker-registry on a port of loopback, as open or as closed as a test wants it, and images to put into it. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";

export const USER = "ali";
/** In no file of any image that a cache may have. */
export const PASSWORD = "open sesame, registry of tests";
/** As `htpasswd -B` writes it; the registry takes no other form. */
const HTPASSWD = `${USER}:$2b$04$OcKU4Ke6RdBjzkDRArXcoO.isEPX.Hch2rD.fILlrfR19tulV.LW2\n`;

interface RegistryOptions {
  readonly isClosed?: boolean;
  readonly hasTls?: boolean;
}

export class TestRegistry implements AsyncDisposable {
  /** With its port. */
  readonly host: string;
  /** Of its authority, when it has TLS. */
  readonly caFile: string;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #options: RegistryOptions;

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    const folder = mkdtempSync(join(tmpdir(), "fastvm-registry-"));
    if (options.hasTls === true) makeCertificate(folder);
    writeFileSync(join(folder, "htpasswd"), HTPASSWD);
    // JSON is YAML, too.
    writeFileSync(join(folder, "config.yml"), JSON.stringify(settingsOf(folder, options)));
    const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
    });
    return new TestRegistry(child, folder, options, await listeningAt(child.stderr));
  }

  private constructor(child: ChildProcess, folder: string, options: RegistryOptions, host: string) {
    this.#process = child;
    this.#folder = folder;
    this.#options = options;
    this.host = host;
    this.caFile = join(folder, "ca.pem");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill();
    await exited;
    rmSync(this.#folder, { recursive: true });
  }

  async push(repository: string, tag: string, image: TestImage): Promise<void> {
    for (const blob of image.blobs.values()) await this.#pushBlob(repository, blob);
    for (const manifest of image.manifests)
      await this.#pushManifest(repository, digestOf(manifest), manifest);
    await this.#pushManifest(repository, tag, image.top);
  }

  /** Where the registry itself keeps a blob, for tests that rot it. */
  fileOf(digest: string): string {
    const hex = digest.slice("sha256:".length);
    return join(this.#folder, "data/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  }

  async #pushBlob(repository: string, blob: Buffer): Promise<void> {
    const begun = await this.#ask("POST", `/v2/${repository}/blobs/uploads/`);
    const url = new URL(begun.headers.location ?? "", this.#base());
    url.searchParams.set("digest", digestOf(blob));
    await this.#ask("PUT", `${url.pathname}${url.search}`, blob, "application/octet-stream");
  }

  async #pushManifest(repository: string, name: string, manifest: Buffer): Promise<void> {
    const { mediaType } = JSON.parse(manifest.toString()) as { mediaType: string };
    await this.#ask("PUT", `/v2/${repository}/manifests/${name}`, manifest, mediaType);
  }

  #base(): string {
    return `${this.#options.hasTls === true ? "https" : "http"}://${this.host}`;
  }

  async #ask(method: string, path: string, body?: Buffer, type?: string): Promise<IncomingMessage> {
    const request = this.#options.hasTls === true ? requestHttps : requestHttp;
    const sent = request(new URL(path, this.#base()), {
      method,
      rejectUnauthorized: false,
      auth: `${USER}:${PASSWORD}`,
      headers: { "content-length": body?.length ?? 0, ...(type && { "content-type": type }) },
    });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    const said = await text(answer);
    if ((answer.statusCode ?? 500) >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${said}`);
    return answer;
  }
}

function settingsOf(folder: string, { isClosed, hasTls }: RegistryOptions): object {
  return {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: {
      addr: "127.0.0.1:0",
      ...(hasTls === true && {
        tls: { certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") },
      }),
    },
    ...(isClosed === true && { auth: { htpasswd: { realm: "a test", path: join(folder, "htpasswd") } } }),
  };
}

/** It takes a free port and tells which in its log. */
async function listeningAt(log: Readable): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface(log)) {
    lines.push(line);
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (host === undefined) continue;
    log.resume();
    return host;
  }
  throw new Error(`docker-registry did not start: ${lines.join("\n")}`);
}

/** An authority of our own, and a certificate of 127.0.0.1 by it. */
function makeCertificate(folder: string): void {
  const run = (...args: string[]): void =>
    void execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  run(
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=an authority",
    "-days",
    "1",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  run("req", ...key, "-subj", "/CN=a registry", "-keyout", "key.pem", "-out", "request.pem");
  writeFileSync(join(folder, "names"), "subjectAltName=IP:127.0.0.1\n");
  const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names"];
  run("x509", "-req", "-in", "request.pem", ...by, "-out", "cert.pem");
}

export interface TestImage {
  /** What a tag leads to: a manifest, or an index. */
  readonly top: Buffer;
  /** Further manifests that the index names. */
  readonly manifests: readonly Buffer[];
  readonly blobs: ReadonlyMap<string, Buffer>;
}

const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

interface ImageOptions {
  readonly layers?: readonly Buffer[];
  readonly architecture?: string;
  readonly config?: object;
}

/** Layers are noise unless they are given: nobody who pulls looks into them. */
export function testImage({
  layers = [randomBytes(64), randomBytes(4096)],
  architecture = "amd64",
  config,
}: ImageOptions = {}): TestImage {
  const configuration = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture,
      config: config ?? { Cmd: ["/bin/sh"], Env: ["PATH=/bin"], ExposedPorts: { "80/tcp": {} } },
      rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
      history: layers.map(() => ({ created: "2026-01-01T00:00:00Z", created_by: "a test" })),
    }),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: describe(configuration, CONFIG_TYPE),
    layers: layers.map((layer) => describe(layer, LAYER_TYPE)),
  };
  const blobs = new Map([configuration, ...layers].map((blob) => [digestOf(blob), blob]));
  return { top: Buffer.from(JSON.stringify(manifest)), manifests: [], blobs };
}

/** Of several platforms, each with its image. */
export function testIndex(images: Readonly<Record<string, TestImage>>): TestImage {
  const manifests = Object.entries(images).map(([platform, { top }]) => {
    const [os, architecture, variant] = platform.split("/");
    return { ...describe(top, MANIFEST_TYPE), platform: { os, architecture, ...(variant && { variant }) } };
  });
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests };
  const all = Object.values(images);
  return {
    top: Buffer.from(JSON.stringify(index)),
    manifests: all.map(({ top }) => top),
    blobs: new Map(all.flatMap(({ blobs }) => [...blobs])),
  };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function describe(bytes: Buffer, mediaType: string): object {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
