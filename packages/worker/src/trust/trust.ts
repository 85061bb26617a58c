/**
 * Whom guests are to trust besides the authorities of their image, and what is known of the guest in a captured state. Each
 * purpose has one anchor, so that one may change or go without the others; what is the guest's owner's is never touched.
 */
import { createHash } from "node:crypto";

/** Goes up when the way an anchor is written changes: guests that have it by the old one are given it anew. */
const WRITER = 2;
/** Of a name that stands in the guest's files; against confusion only. */
const DIGEST_DIGITS = 16;
/** What Debian's tools and OpenSSL read, and Debian's update-ca-certificates writes; Alpine's and distroless images have it there too. */
export const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
/** Where images have all authorities in one file; of those that an image has, programs are told of the first. */
export const BUNDLES: readonly string[] = [
  BUNDLE,
  // Fedora's and its relatives'.
  "/etc/pki/tls/certs/ca-bundle.crt",
  // SUSE's.
  "/etc/ssl/ca-bundle.pem",
  // LibreSSL's, mostly a link to one of the others.
  "/etc/ssl/cert.pem",
];

export interface Anchor {
  /** What it is for; a part of the name of a file. */
  readonly purpose: string;
  /** The certificate in PEM, and nothing else. */
  readonly pem: string;
}

export interface Trust {
  readonly anchors: readonly Anchor[];
  /** Of all that a guest is given. */
  readonly digest: string;
}

/** What a guest has been given, beside the state that holds it. Absent: nothing. */
export interface HeldTrust {
  readonly digest: string;
  /** Where its authorities are in one file, those of its image among them. Absent in an image that has no such file. */
  readonly bundle?: string;
}

/** `undefined`: nobody, at no cost. */
export function trustIn(anchors: readonly Anchor[]): Trust | undefined {
  if (anchors.length === 0) return undefined;
  return { anchors, digest: sha256(JSON.stringify({ writer: WRITER, anchors })) };
}

/** Another certificate has another name: update-ca-certificates sees a file that is new, and not what is in one that it knows. */
export function anchorFileName({ purpose, pem }: Anchor): string {
  return `fastvm-${purpose}-${sha256(pem).slice(0, DIGEST_DIGITS)}.crt`;
}

/**
 * For programs that bring authorities of their own: Node adds the file's to them; Python's requests, gRPC's core, and what
 * OpenSSL or rustls was built into elsewhere, read it in their place. Debian's own programs, pip, curl, wget and git need
 * none. Left out are variables that would override what a user configured (GIT_SSL_CAINFO, PIP_CERT, CURL_CA_BUNDLE).
 */
export function trustVariables(held: HeldTrust | undefined): Readonly<Record<string, string>> {
  if (held?.bundle === undefined) return {};
  return {
    NODE_EXTRA_CA_CERTS: held.bundle,
    REQUESTS_CA_BUNDLE: held.bundle,
    SSL_CERT_FILE: held.bundle,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: held.bundle,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
