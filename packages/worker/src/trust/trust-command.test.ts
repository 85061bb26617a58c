/** The command on a folder that looks like a guest's filesystem; `e2e/own/tls.test.ts` has it in guests. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runTool } from "../processes/spawn.ts";
import { bundleBy, trustCommand } from "./trust-command.ts";
import type { Anchor } from "./trust.ts";

const [A, B, C, D] = rootCertificates.map((pem) => `${pem.trim()}\n`) as [string, string, string, string];
const OWN = "/usr/local/share/ca-certificates/own.crt";
const FOLDER = "/usr/local/share/ca-certificates/fastvm";
const daemon = (pem: string): Anchor => ({ purpose: "daemon", pem });

let root: string;
const at = (path: string): string => join(root, path);
const bundle = (): Promise<string> => readFile(at("/etc/ssl/certs/ca-certificates.crt"), "utf8");

async function trust(...anchors: readonly Anchor[]): Promise<void> {
  const [command = "", ...args] = trustCommand(anchors, root);
  await runTool(command, args, { timeoutMs: 30_000 });
}

/** Links in the folder of certificates, but for the owner's, that lead to a file with this content; and those that lead nowhere. */
async function linksTo(content: string): Promise<{ found: number; broken: number }> {
  const counted = { found: 0, broken: 0 };
  for (const name of await readdir(at("/etc/ssl/certs"))) {
    if (["ca-certificates.crt", "own.pem"].includes(name)) continue;
    const target = await readFile(at(`/etc/ssl/certs/${name}`), "utf8").catch(() => undefined);
    if (target === content) counted.found += 1;
    if (target === undefined) counted.broken += 1;
  }
  return counted;
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fastvm-trust-"));
  for (const folder of [
    "/usr/local/share/ca-certificates",
    "/etc/ssl/certs",
    "/etc/ca-certificates/update.d",
  ]) {
    await mkdir(at(folder), { recursive: true });
  }
  await writeFile(at(OWN), B);
  await symlink(at(OWN), at("/etc/ssl/certs/own.pem"));
  await writeFile(at("/etc/ssl/certs/ca-certificates.crt"), `${A}# the owner's\n${B}`);
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

test("a certificate comes, is replaced and goes; what is the owner's stays, byte for byte", async () => {
  const before = await bundle();
  await trust(daemon(C));
  expect(await bundle()).toBe(before + C);
  expect(await linksTo(C)).toEqual({ found: 2, broken: 0 });
  await trust(daemon(D));
  expect(await bundle()).toBe(before + D);
  expect(await linksTo(C)).toEqual({ found: 0, broken: 0 });
  expect(await linksTo(D)).toEqual({ found: 2, broken: 0 });
  await trust();
  expect(await bundle()).toBe(before);
  expect(await linksTo(D)).toEqual({ found: 0, broken: 0 });
  expect(await readdir(at(FOLDER))).toEqual([]);
  expect(await readlink(at("/etc/ssl/certs/own.pem"))).toBe(at(OWN));
});

test("several purposes stand side by side, and one that is there already is there once", async () => {
  await trust(daemon(C));
  await trust(daemon(C), { purpose: "other", pem: D });
  expect(await bundle()).toBe(`${A}# the owner's\n${B}${C}${D}`);
  expect(await linksTo(C)).toEqual({ found: 2, broken: 0 });
});

test("the owner keeps a certificate that was ours as well", async () => {
  await trust(daemon(B));
  await trust();
  expect(await bundle()).toBe(`${A}# the owner's\n${B}`);
});

test("busybox alone, which is all that some images have, does the same", async () => {
  const tools = join(root, "tools");
  await mkdir(tools);
  await runTool("/bin/busybox", ["--install", "-s", tools], { timeoutMs: 30_000 });
  const before = await bundle();
  for (const pem of [C, D]) {
    const [, ...args] = trustCommand([daemon(pem)], root);
    const env = { PATH: tools };
    await promisify(execFile)(join(tools, "sh"), args, { env, timeout: 30_000 });
    expect(await bundle()).toBe(before + pem);
  }
  expect(await linksTo(C)).toEqual({ found: 0, broken: 0 });
  // Without openssl nobody knows its hash.
  expect(await linksTo(D)).toEqual({ found: 1, broken: 0 });
});

test("hooks are told what went and what came", async () => {
  await trust(daemon(C));
  const hook = at("/etc/ca-certificates/update.d/hook");
  await writeFile(hook, `#!/bin/sh\ncat > '${at("/told")}'\n`, { mode: 0o755 });
  await trust(daemon(D));
  const told = (await readFile(at("/told"), "utf8")).trim().split("\n");
  expect(told.map((line) => line[0])).toEqual(["-", "+"]);
});

test("a guest without a bundle gets the file, and says so", async () => {
  await rm(at("/etc/ssl/certs/ca-certificates.crt"));
  await expect(trust(daemon(C))).rejects.toMatchObject({ code: 3 });
  expect(await readdir(at(FOLDER))).toHaveLength(1);
});

test.each([
  ["Fedora's", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/pki/tls/certs/ca-bundle.crt", 11],
  ["SUSE's", "/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/ca-bundle.pem", 12],
  ["LibreSSL's", "/etc/pki/bundle.pem", "/etc/ssl/cert.pem", 13],
])("a bundle of %s kind is a link, and told by the command's status", async (_kind, file, link, status) => {
  await rm(at("/etc/ssl"), { recursive: true });
  for (const path of [file, link]) await mkdir(join(at(path), ".."), { recursive: true });
  await writeFile(at(file), `${A}# the owner's\n${B}`);
  await symlink(at(file), at(link));
  await expect(trust(daemon(C))).rejects.toMatchObject({ code: status });
  expect(bundleBy(status)).toEqual({ bundle: link });
  expect(await readFile(at(file), "utf8")).toBe(`${A}# the owner's\n${B}${C}`);
  expect(await readlink(at(link))).toBe(at(file));
  await expect(trust(daemon(D))).rejects.toMatchObject({ code: status });
  expect(await readFile(at(link), "utf8")).toBe(`${A}# the owner's\n${B}${D}`);
  await expect(trust()).rejects.toMatchObject({ code: status });
  expect(await readFile(at(link), "utf8")).toBe(`${A}# the owner's\n${B}`);
});

test("several names of one bundle are one, and two bundles are both written", async () => {
  await symlink("certs/ca-certificates.crt", at("/etc/ssl/cert.pem"));
  await mkdir(at("/etc/pki/tls/certs"), { recursive: true });
  await writeFile(at("/etc/pki/tls/certs/ca-bundle.crt"), A);
  await trust(daemon(C));
  expect(await bundle()).toBe(`${A}# the owner's\n${B}${C}`);
  expect(await readFile(at("/etc/pki/tls/certs/ca-bundle.crt"), "utf8")).toBe(`${A}${C}`);
});

test("what other families' tools read is there, too, and goes with it", async () => {
  const anchors = at("/etc/pki/ca-trust/source/anchors");
  await mkdir(anchors, { recursive: true });
  await writeFile(join(anchors, "own.crt"), B);
  await trust(daemon(C));
  await trust(daemon(D));
  const names = await readdir(anchors);
  expect(names).toHaveLength(2);
  expect(await Promise.all(names.map((name) => readFile(join(anchors, name), "utf8")))).toContain(D);
  await trust();
  expect(await readdir(anchors)).toEqual(["own.crt"]);
});
