import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runTool } from "../processes/spawn.ts";
import { chooseAnchor } from "./anchor.ts";

let folder: string;
let root: string;
let intermediate: string;
let leaf: string;
let leafKey: string;
let selfSigned: string;

const TOOL = { timeoutMs: 30_000 };
const at = (name: string): string => join(folder, name);

/** Signed by `issuer`, or by itself; for an authority unless it is called `leaf`. */
async function issue(name: string, issuer?: string): Promise<string> {
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    at(`${name}.key`),
  ];
  const subject = ["-subj", `/CN=${name}`, "-out", at(`${name}.pem`), "-days", "2"];
  if (issuer === undefined) {
    await runTool("openssl", ["req", "-x509", ...key, ...subject], TOOL);
    return await readFile(at(`${name}.pem`), "utf8");
  }
  const authority = ["-CA", at(`${issuer}.pem`), "-CAkey", at(`${issuer}.key`), "-CAcreateserial"];
  await writeFile(at("extensions"), `basicConstraints=CA:${name === "leaf" ? "FALSE" : "TRUE"}\n`);
  await runTool("openssl", ["req", ...key, "-subj", `/CN=${name}`, "-out", at("request")], TOOL);
  const signing = ["-in", at("request"), ...authority, "-extfile", at("extensions"), "-days", "2"];
  await runTool("openssl", ["x509", "-req", ...signing, "-out", at(`${name}.pem`)], TOOL);
  return await readFile(at(`${name}.pem`), "utf8");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-anchor-"));
  root = await issue("root");
  intermediate = await issue("intermediate", "root");
  leaf = await issue("leaf", "intermediate");
  leafKey = await readFile(at("leaf.key"), "utf8");
  selfSigned = await issue("self");
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const nameOf = (anchor: string | undefined): string | undefined =>
  anchor && new X509Certificate(anchor).subject;

test("a root that is in the file is the anchor, wherever it stands", () => {
  expect(nameOf(chooseAnchor(leaf + intermediate + root))).toBe("CN=root");
  expect(nameOf(chooseAnchor(leaf + root + intermediate))).toBe("CN=root");
});

test("without the root it is the last that the chain leads to", () => {
  expect(nameOf(chooseAnchor(leaf + intermediate))).toBe("CN=intermediate");
  expect(nameOf(chooseAnchor(leaf))).toBe("CN=leaf");
  expect(nameOf(chooseAnchor(selfSigned))).toBe("CN=self");
});

test("a certificate that has nothing to do with the chain is none", () => {
  expect(nameOf(chooseAnchor(leaf + selfSigned))).toBe("CN=leaf");
});

test("of a file that holds the key, too, only the certificate is given on", () => {
  expect(leafKey).toContain("PRIVATE KEY");
  const anchor = chooseAnchor(Buffer.from(`${leafKey}subject=/CN=leaf\n${leaf}${leafKey}`));
  expect(anchor).toBe(new X509Certificate(leaf).toString());
  expect(anchor).not.toContain("KEY");
});

test("an authority that everybody trusts needs no help, and what is no certificate gives none", () => {
  expect(chooseAnchor(rootCertificates[0] ?? "")).toBeUndefined();
  expect(chooseAnchor(leafKey)).toBeUndefined();
});
