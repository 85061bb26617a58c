import { expect, test } from "vitest";
import { newVmId, type GuestLinkSettings } from "@fastvm/contract";
import { Tag } from "../guest-link/fields.ts";
import type { Field } from "../guest-link/fields.ts";
import { environmentFile, handshakeFields } from "./handshake.ts";
import type { Life } from "./handshake.ts";
import { NOBODY } from "./nobody.ts";

interface SentFile {
  readonly path: string;
  readonly mode: number;
  readonly content: string;
}

function fieldsFor(
  identity: { authorizedKeys?: string[]; envVars?: Record<string, string> },
  life?: Life,
): readonly Field[] {
  return handshakeFields({
    vmId: newVmId(),
    identity: { hostname: "probe", envVars: {}, authorizedKeys: [], ...identity },
    trust: undefined,
    growRoot: false,
    forwardPort: undefined,
    ...(life && { life }),
  });
}

function filesFor(...about: Parameters<typeof fieldsFor>): SentFile[] {
  return fieldsFor(...about)
    .filter(({ tag }) => tag === Tag.FILE)
    .map(({ value }) => {
      const bytesOf = (wanted: number): Buffer => {
        const field = (value as readonly Field[]).find(({ tag }) => tag === wanted);
        return Buffer.from((field?.value ?? []) as Uint8Array);
      };
      return {
        path: bytesOf(Tag.PATH).toString(),
        mode: bytesOf(Tag.MODE).readUInt32LE(),
        content: bytesOf(Tag.CONTENT).toString(),
      };
    });
}

test("the keys that may log in are one line each, for root alone to read", () => {
  expect(filesFor({ authorizedKeys: ["ssh-ed25519 A", "ssh-rsa B"] })).toContainEqual({
    path: "/root/.ssh/authorized_keys2",
    mode: 0o600,
    content: "ssh-ed25519 A\nssh-rsa B\n",
  });
});

test("a VM without keys gets the empty file: those of the VM that was captured are not its own", () => {
  expect(filesFor({})).toContainEqual({ path: "/root/.ssh/authorized_keys2", mode: 0o600, content: "" });
});

test("each first life brings a host key of its own", () => {
  const keyOf = () => filesFor({}).find(({ path }) => path.endsWith("ed25519_key"))?.content;
  expect(keyOf()).not.toBe(keyOf());
});

test("a next life brings entropy, the clock and what may have changed, but nothing that the VM is known by", () => {
  const brought = (life: Life) => fieldsFor({}, life).map(({ tag }) => tag);
  expect(brought("first").slice(0, 3)).toEqual([Tag.ENTROPY, Tag.CLOCK, Tag.HOSTNAME]);
  expect(brought("first")).toContain(Tag.BOOT_ID);
  expect(brought("next")).not.toContain(Tag.BOOT_ID);
  expect(brought("next").slice(0, 3)).toEqual([Tag.ENTROPY, Tag.CLOCK, Tag.FILE]);
  expect(filesFor({ envVars: { A: "b" } }, "next").map(({ path }) => path)).toEqual([
    "/etc/environment",
    "/root/.ssh/authorized_keys2",
  ]);
});

test("a first life keeps our port of its loopback alone, whatever the captured VM listened at", () => {
  const request = { vmId: newVmId(), identity: NOBODY, trust: undefined, growRoot: false };
  const forwards = (life: Life, forwardPort?: number): readonly (readonly [number, string])[] =>
    handshakeFields({ ...request, life, forwardPort })
      .filter(({ tag }) => tag === Tag.FORWARD || tag === Tag.ONLY_FORWARD)
      .map(({ tag, value }) => [tag, Buffer.from(value as Uint8Array).toString("hex")]);
  expect(forwards("first", 8080)).toEqual([
    [Tag.ONLY_FORWARD, "901f"],
    [Tag.FORWARD, "901f"],
  ]);
  expect(forwards("first")).toEqual([[Tag.ONLY_FORWARD, "0000"]]);
  expect(forwards("next", 8080)).toEqual([[Tag.FORWARD, "901f"]]);
});

test("what the guest trusts is named to logins, and a variable of the VM's own wins", () => {
  const file = environmentFile(
    { SSL_CERT_FILE: "/mine.pem", A: "b" },
    { digest: "d", bundle: "/bundle.crt" },
  );
  expect(file).toContain('NODE_EXTRA_CA_CERTS="/bundle.crt"\n');
  expect(file).toContain('SSL_CERT_FILE="/mine.pem"\n');
  expect(file.match(/SSL_CERT_FILE/g)).toHaveLength(1);
  expect(environmentFile({ A: "b" }, undefined)).toBe('A="b"\n');
});

test("a network device of its own is told whole, and what every VM has as that", () => {
  const linkOf = (guestLink?: GuestLinkSettings): string | undefined => {
    const vm = {
      vmId: newVmId(),
      identity: NOBODY,
      trust: undefined,
      growRoot: false,
      forwardPort: undefined,
    };
    const field = handshakeFields({ ...vm, guestLink }).find(({ tag }) => tag === Tag.LINK);
    return Buffer.from((field?.value ?? []) as Uint8Array).toString("hex");
  };
  const usual = ["dc050000", "0266766d0002", "0000", "c0000002", "fd6661737476006d0000000000000002"];
  expect(linkOf()).toBe(usual.join(""));
  const own = ["78050000", "0200000000ff", "0100", "0a010009", "fd000000000000000000000000000009"];
  const asked = { mac: "02:00:00:00:00:ff", mtu: 1400, ipv4: "10.1.0.9", ipv6: "fd00::9" };
  expect(linkOf(asked)).toBe(own.join(""));
});
