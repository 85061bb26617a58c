/** Certificates for logins over SSH, as ssh-keygen reads them. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newVmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { publicKeyLine } from "../../../../engine/ssh-authority/certificate.ts";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";
import { vmIdOf } from "../../ids.ts";

const GREETING = "SSH-2.0-OpenSSH_9.6\r\n";
const HOST_KEY = publicKeyLine(generateKeyPairSync("ed25519").publicKey);

let api: MachinesApp;
let id: string;
let folder: string;
let publicKey: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fastvm-ssh-access-"));
  publicKey = keyOfType("ed25519");
  api = await machinesApp();
  api.fastvm.worker.greetings.set(22, GREETING);
  ({ id } = await api.ok("POST /v1/machines", {}));
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Made by ssh-keygen, with its comment. */
function keyOfType(type: string): string {
  const file = join(folder, `id_${type}_${randomUUID()}`);
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "me@here", "-f", file]);
  return execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" });
}

const route = () => `POST /v1/machines/${id}/ssh-access`;
const ask = (rest: object = {}) => api.ok(route(), { public_key: publicKey, ...rest });

/** What ssh-keygen says of a certificate, whose signature it has looked at. */
function read(certificate: string): string {
  const file = join(folder, "some-cert.pub");
  writeFileSync(file, `${certificate}\n`);
  return execFileSync("ssh-keygen", ["-L", "-f", file], { encoding: "utf8", env: { TZ: "UTC" } });
}

/** Of the authority that signed it, and of the one that a line of authorized keys names. */
const signerOf = (certificate: string) => /Signing CA: ED25519 (SHA256:\S+)/.exec(read(certificate))?.[1];
function fingerprintOf(line: string): string | undefined {
  const file = join(folder, "authority.pub");
  writeFileSync(file, `${line.split(" ").slice(-2).join(" ")}\n`);
  return execFileSync("ssh-keygen", ["-lf", file], { encoding: "utf8" }).split(" ")[1];
}

function keysIn(machine: string): readonly string[] {
  const vmId = vmIdOf(machine);
  return (vmId === undefined ? undefined : api.fastvm.worker.vms.get(vmId))?.authorizedKeys ?? [];
}

describe("a certificate", () => {
  test.each(["ed25519", "rsa", "ecdsa"])("is for the client's own %s key and this machine", async (type) => {
    publicKey = keyOfType(type);
    const granted = await ask({ ttl_seconds: 60 });
    const text = read(granted.certificate);
    expect(text).toMatch(new RegExp(`Type: \\S+-cert-v01@openssh.com user certificate`));
    expect(text).toContain(`Key ID: "${granted.access_id}"`);
    expect(text).toMatch(new RegExp(`Principals: \\s+vm-${vmIdOf(id)}\\s`));
    expect(text).toContain("Critical Options: (none)");
    expect(text).toMatch(/Extensions: \s+permit-pty\s*$/);
    const until = /Valid: from \S+ to (\S+)/.exec(text)?.[1];
    expect(`${until}.000Z`).toBe(granted.expires_at);
  });

  test("is good when it is answered: the machine trusts who signed it, for this machine", async () => {
    const { certificate, port, user } = await ask();
    expect({ port, user }).toEqual({ port: 22, user: "root" });
    const [line = ""] = keysIn(id);
    expect(line).toMatch(
      new RegExp(`^cert-authority,principals="vm-${vmIdOf(id)}",restrict,pty ssh-ed25519 \\S+$`),
    );
    expect(fingerprintOf(line)).toBe(signerOf(certificate));
  });

  test("is signed by the authority of the organisation, always the same", async () => {
    const both = await Promise.all([ask(), ask()]);
    const signers = [...both, await ask()].map(({ certificate }) => signerOf(certificate));
    expect(new Set(signers).size).toBe(1);
    const { id: theirs } = await api.ok("POST /v1/machines", {}, { key: api.otherKey });
    const body = { public_key: publicKey };
    const other = await api.ok(`POST /v1/machines/${theirs}/ssh-access`, body, { key: api.otherKey });
    expect(signerOf(other.certificate)).not.toBe(signers[0]);
  });

  test("opens no fork, which trusts the same authority for itself", async () => {
    await ask();
    const { id: child } = await api.ok(`POST /v1/machines/${id}/fork`);
    const [line = ""] = keysIn(child);
    expect(line).toContain(`principals="vm-${vmIdOf(child)}"`);
    expect(line).not.toContain(String(vmIdOf(id)));
  });

  test("shows the machine's host key, if that is one", async () => {
    expect((await ask()).host_key).toBeNull();
    const file = `PUT /v1/machines/${id}/files/content?path=/etc/ssh/ssh_host_ed25519_key.pub`;
    await api.ok(file, undefined, { payload: `${HOST_KEY} root@machine\n` });
    expect((await ask()).host_key).toBe(HOST_KEY);
    for (const payload of [`${HOST_KEY}\n${HOST_KEY}\n`, "no key", "x".repeat(5000)]) {
      await api.ok(file, undefined, { payload });
      expect((await ask()).host_key).toBeNull();
    }
  });

  test("is of minutes, by either name", async () => {
    const lifetime = async (rest: object) => Date.parse((await ask(rest)).expires_at) - Date.now();
    const within = (ms: number) => [ms - 60_000, ms + 1000] as const;
    for (const [rest, ms] of [
      [{}, 900_000],
      [{ ttl_seconds: 3600 }, 3_600_000],
      [{ expires_in_minutes: 5 }, 300_000],
    ] as const) {
      const [least, most] = within(ms);
      const found = await lifetime(rest);
      expect(found > least && found < most, String(found)).toBe(true);
    }
  });
});

test("port 22 of the machine is open to the world with the first, behind what was written, and its egress is as it was", async () => {
  api.fastvm.worker.hasNetwork = true;
  const { id: closed } = await api.ok("POST /v1/machines", { internet_access: false });
  id = closed;
  const firewall = async () => (await api.fastvm.store.vms.get(vmIdOf(id) ?? newVmId()))?.network?.policy;
  const before = await firewall();
  const rule = { action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "22" };
  expect((await ask()).host).toMatch(/^fd00:/);
  await ask();
  const after = await firewall();
  expect(after?.ingress).toEqual({ default: "deny", rules: [expect.objectContaining(rule)] });
  expect(after?.egress).toEqual(before?.egress);
});

test("the authority's private key is in the database only as a sealed value", async () => {
  await ask();
  const { store, orgId } = api.fastvm;
  const [name = ""] = await store.sealedValues.names(orgId, "ssh_ca");
  const row = await store.sealedValues.get(orgId, "ssh_ca", name);
  expect(row?.sealed).toMatch(/^fv1\./);
  expect(keysIn(id)).toEqual([expect.stringContaining(name)]);
});

test.each([
  ["has none", () => api.fastvm.worker.greetings.delete(22)],
  ["has another service there", () => api.fastvm.worker.greetings.set(22, "220 mail\r\n")],
])("an image that %s is told so, and nothing is made", async (_what, change) => {
  change();
  const answer = await api.call(route(), { public_key: publicKey });
  expect(answer.body).toMatchObject({ code: "ssh_unavailable", retryable: false });
  expect(answer.body.message).toContain("its image must have one");
  expect(await api.fastvm.store.sealedValues.names(api.fastvm.orgId, "ssh_ca")).toEqual([]);
});

test("a machine that sleeps is not woken", async () => {
  await api.ok(`POST /v1/machines/${id}/hibernate`);
  const answer = await api.call(route(), { public_key: publicKey });
  expect(answer).toMatchObject({ status: 409, body: { code: "machine_not_ready" } });
});

test.each([
  [{ public_key: "ssh-dss AAAA" }, "public_key"],
  [{ public_key: "ssh-ed25519 AAAA" }, "public_key"],
  [{ public_key: `${HOST_KEY}\n${HOST_KEY}` }, "public_key"],
  [{ user: "ubuntu" }, "user"],
  [{ ttl_seconds: 0 }, "ttl_seconds"],
  [{ ttl_seconds: 3601 }, "ttl_seconds"],
  [{ expires_in_minutes: 61 }, "expires_in_minutes"],
  [{ ttl_seconds: 60, expires_in_minutes: 1 }, "expires_in_minutes"],
  [{ password: "x" }, "password"],
])("%j is refused", async (rest, field) => {
  const answer = await api.call(route(), { public_key: publicKey, ...rest });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", field } });
});
