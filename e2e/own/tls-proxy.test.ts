/** The README's two screens: nginx with TLS before a daemon, by the README's own configuration, and the command of another machine. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../harness/cli.ts";
import type { ProgramResult } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/free-port.ts";
import { blocksOf } from "../harness/page-blocks.ts";
import { keptAuthority } from "../harness/private-authority.ts";
import type { PrivateAuthority } from "../harness/private-authority.ts";
import { Terminal } from "../harness/terminal.ts";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));
/** A kernel boots for a template that knows the certificate. */
const START_MS = 300_000;
/** Above what nginx lets through by default, or keeps in memory. */
const FILE_BYTES = 6 * 1024 * 1024;

let folder: string;
let daemon: TestDaemon;
let authority: PrivateAuthority;
let proxy: ChildProcess;
let port: number;
let laptop: Record<string, string>;
const at = (name: string): string => join(folder, name);
const url = (): string => `https://localhost:${port}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-proxy-"));
  authority = keptAuthority("first");
  port = await freePort();
  const tls = { cert: authority.chain, key: authority.key };
  daemon = await TestDaemon.start({ settings: { publicUrl: url(), tls } });
  laptop = { PATH: process.env["PATH"] ?? "", HOME: at("laptop"), FASTVM_CONFIG_FILE: "/dev/null" };
  await mkdir(at("laptop"));
  await writeFile(at("nginx.conf"), await configuration());
  proxy = spawn("nginx", ["-c", at("nginx.conf"), "-p", folder, "-g", "daemon off;"], { stdio: "inherit" });
  await eventually(async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
  }, 20_000);
}, START_MS);

afterAll(async () => {
  proxy?.kill("SIGTERM");
  await daemon?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** The README's, with this test's ports and certificate, in a frame that writes nothing outside of the folder. */
async function configuration(): Promise<string> {
  const block = blocksOf(await readFile(README, "utf8")).find(({ code }) => code.includes("proxy_pass"));
  if (block === undefined) throw new Error("the README has no configuration of a proxy");
  const replaced: readonly (readonly [string, string])[] = [
    ["listen 8443", `listen 127.0.0.1:${port}`],
    ["server_name vms.example.com", "server_name localhost"],
    ["/etc/letsencrypt/live/vms.example.com/fullchain.pem", authority.chain],
    ["/etc/letsencrypt/live/vms.example.com/privkey.pem", authority.key],
    ["https://127.0.0.1:8800", daemon.url],
  ];
  for (const [each] of replaced) expect(block.code).toContain(each);
  const code = replaced.reduce((text, [from, to]) => text.replace(from, to), block.code);
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${at(`temp-${kind}`)};`,
  );
  const frame = `pid ${at("nginx.pid")}; error_log ${at("error.log")}; user root; events {}`;
  return `${frame}\nhttp { access_log off; ${folders.join(" ")}\n${code}}\n`;
}

async function fastvm(args: readonly string[], input?: string): Promise<ProgramResult> {
  return await runCli(args, laptop, input);
}

async function done(args: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await fastvm(args, input);
  expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: "" });
  return stdout.trim();
}

test("a login checks the certificate and the key, and keeps neither when one is wrong", async () => {
  const untrusted = await fastvm(["login", url(), "--key-stdin"], daemon.apiKey);
  expect(untrusted).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("--ca") });
  const wrong = await fastvm(
    ["login", url(), "--ca", authority.caFile, "--key-stdin"],
    "no-key-of-this-server",
  );
  expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/key/i) });
  expect(await done(["context", "ls", "--format", "{{.name}}"])).not.toContain("localhost");
  const said = await done(["login", url(), "--ca", authority.caFile, "--key-stdin"], daemon.apiKey);
  expect(said).toContain(url());
  expect(await done(["context", "ls"])).toContain("localhost");
});

test("a VM is launched, worked in and reached from the laptop", async () => {
  await done(["launch", "--name", "dev", "--no-console"]);
  expect(await done(["exec", "dev", "uname"])).toBe("Linux");
  await writeFile(at("large"), randomBytes(FILE_BYTES));
  await done(["cp", at("large"), "dev:/root/large"]);
  await done(["cp", "dev:/root/large", at("again")]);
  expect(execFileSync("cmp", [at("large"), at("again")], { encoding: "utf8" })).toBe("");
});

test("output comes as it is printed, not when the command has ended", async () => {
  let firstAt = 0;
  const running = runCli(["exec", "dev", "echo first; sleep 4; echo last"], laptop, "", () => {
    firstAt = Date.now();
  });
  expect((await running).stdout).toBe("first\nlast\n");
  expect(Date.now() - firstAt).toBeGreaterThan(3000);
});

test("a port of the laptop leads into the VM, through TLS and the proxy", async () => {
  await done([
    "exec",
    "dev",
    "cd /root && setsid python3 -m http.server 8123 >/dev/null 2>&1 </dev/null &" +
      "until curl -s -o /dev/null localhost:8123; do sleep 0.1; done",
  ]);
  const program = [fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url))];
  const command = ["--conditions=development", ...program, "port", "dev", "0:8123"];
  const forward = spawn(process.execPath, command, { env: laptop, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [said] = (await once(forward.stdout, "data")) as [Buffer];
    const local = /^(127\.0\.0\.1:\d+) /.exec(said.toString())?.[1];
    const bytes = await readFile(at("large"));
    const fetched = await Promise.all([0, 1].map(async () => (await fetch(`http://${local}/large`)).bytes()));
    for (const each of fetched) expect(bytes.equals(each)).toBe(true);
  } finally {
    forward.kill("SIGINT");
    await once(forward, "exit");
  }
});

test("a terminal and the console come through, too", async () => {
  await using terminal = await Terminal.open({ cols: 80, rows: 24 }, laptop);
  const cli = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
  const command = `'${process.execPath}' --conditions=development '${cli}'`;
  await terminal.enter(`${command} exec -it dev sh`);
  await terminal.shows(/^# ?$/m);
  await terminal.enter("echo $((6*7)) of $(stty size)");
  await terminal.shows(/^42 of 24 80$/m);
  await terminal.enter("exit");
  await terminal.shows(/^here\$\s*$/m);
  await terminal.enter(`clear; ${command} console dev`);
  await terminal.shows(/^\S*root@\S+[#$] ?$/m);
  await terminal.enter("echo $((7*8)) here");
  await terminal.shows(/^56 here$/m);
});
