/**
 * The authority that an organisation's guests trust, and the certificates that it signs for the names they ask for. Its key is told to the
 * proxies of that organisation's VMs and to nobody else; a guest has the certificate only.
 */
// oxlint-disable-next-line import/no-unassigned-import -- the library looks for what it adds to `Reflect`.
import "reflect-metadata";
import { X509Certificate as Parsed, createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { AuthorityKeys } from "@fastvm/contract";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 3600_000;
/** A guest's clock may be behind when it has just been restored. */
const EARLIER_MS = DAY_MS;
/** Snapshots hold the certificate, and are kept for years. */
const AUTHORITY_DAYS = 3650;
/** No client takes a server's certificate that is good for longer than 398 days. */
const LEAF_DAYS = 90;
const SERIAL_BYTES = 16;
/** The longest common name that the standard has. */
const MAX_COMMON_NAME = 64;

/** A new one. Its name has random digits: clients take two authorities of one name for the same. */
export async function makeAuthority(nowMs = Date.now()): Promise<AuthorityKeys> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=FastVM egress ${randomBytes(4).toString("hex")}`,
    notBefore: new Date(nowMs - EARLIER_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return {
    certificate: `${certificate.toString("pem").trim()}\n`,
    key: key.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}

export class Authority {
  readonly #certificate: x509.X509Certificate;
  readonly #signingKey: webcrypto.CryptoKey;
  /** One for all leaves: who has one has them all in any case, and clients see no difference. */
  readonly #leafKeys: webcrypto.CryptoKeyPair;
  readonly #leafKeyPem: string;

  private constructor(
    certificate: x509.X509Certificate,
    signingKey: webcrypto.CryptoKey,
    leafKeys: webcrypto.CryptoKeyPair,
    leafKeyPem: string,
  ) {
    this.#certificate = certificate;
    this.#signingKey = signingKey;
    this.#leafKeys = leafKeys;
    this.#leafKeyPem = leafKeyPem;
  }

  /** Throws for what is no pair of a certificate and its key. */
  static async open({ certificate, key }: AuthorityKeys): Promise<Authority> {
    const secret = createPrivateKey(key);
    if (!new Parsed(certificate).checkPrivateKey(secret)) throw new Error("the key is another certificate's");
    const der = secret.export({ format: "der", type: "pkcs8" });
    const signingKey = await webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
    const leafKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const leafDer = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", leafKeys.privateKey));
    const leafKey = createPrivateKey({ key: leafDer, format: "der", type: "pkcs8" });
    const pem = leafKey.export({ format: "pem", type: "pkcs8" }).toString();
    return new Authority(new x509.X509Certificate(certificate), signingKey, leafKeys, pem);
  }

  /** Of a server by a name or an address. */
  async issue(name: string, nowMs = Date.now()): Promise<SecureContext> {
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: name.length <= MAX_COMMON_NAME ? `CN=${name}` : "",
      issuer: this.#certificate.subject,
      notBefore: new Date(nowMs - EARLIER_MS),
      notAfter: new Date(nowMs + LEAF_DAYS * DAY_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: this.#leafKeys.publicKey,
      signingKey: this.#signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: isIP(name) === 0 ? "dns" : "ip", value: name }]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
      ],
    });
    return createSecureContext({ cert: leaf.toString("pem"), key: this.#leafKeyPem });
  }
}

/** Positive, and without a leading zero. */
function serial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}
