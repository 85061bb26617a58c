import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { generateSshHostKey } from "./ssh-host-key.ts";

/** Reads the strings of an SSH structure. */
function readStrings(bytes: Buffer, count: number): Buffer[] {
  const strings: Buffer[] = [];
  for (let at = 0; strings.length < count;) {
    const length = bytes.readUInt32BE(at);
    strings.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return strings;
}

describe("a host key", () => {
  test("is a pair that belongs together, in OpenSSH's format", () => {
    const key = generateSshHostKey("root@vm");
    const blob = Buffer.from(key.publicFile.split(" ")[1] ?? "", "base64");
    const [type, rawPublic = Buffer.alloc(0)] = readStrings(blob, 2);
    expect(type?.toString()).toBe("ssh-ed25519");
    const body = Buffer.from(key.privateFile.replace(/-----[^-]+-----/g, "").replaceAll("\n", ""), "base64");
    expect(body.subarray(0, 15).toString("latin1")).toBe("openssh-key-v1\0");
    const [, , , ...rest] = readStrings(body.subarray(15), 3);
    expect(rest).toEqual([]);
    const afterHeader = body.subarray(15 + 4 + 4 + 4 + 4 + 4);
    const [publicBlob, secret = Buffer.alloc(0)] = readStrings(afterHeader.subarray(4), 2);
    expect(publicBlob?.equals(blob)).toBe(true);
    expect(secret.length % 8).toBe(0);
    expect(secret.readUInt32BE(0)).toBe(secret.readUInt32BE(4));
    const [, , both = Buffer.alloc(0), comment] = readStrings(secret.subarray(8), 4);
    expect(comment?.toString()).toBe("root@vm");
    expect(both.subarray(32).equals(rawPublic)).toBe(true);
    expect(signsFor(both.subarray(0, 32), rawPublic)).toBe(true);
  });

  test("is another each time", () => {
    expect(generateSshHostKey("a").publicFile).not.toBe(generateSshHostKey("a").publicFile);
  });
});

function signsFor(seed: Buffer, rawPublic: Buffer): boolean {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), rawPublic]);
  const message = Buffer.from("message");
  const signature = sign(undefined, message, createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  return verify(undefined, message, createPublicKey({ key: spki, format: "der", type: "spki" }), signature);
}
