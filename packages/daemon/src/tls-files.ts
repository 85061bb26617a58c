/** The daemon's certificate: read once at its start, checked against its key, and told by its digest. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { TlsPaths } from "./config.ts";

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** SHA-256 of the certificate, as Node's TLS tells that of a peer. */
  readonly fingerprint: string;
}

/** Rejects with what is wrong and in which file. */
export async function readTlsFiles(paths: TlsPaths): Promise<TlsFiles> {
  const [cert, key] = await Promise.all([
    read("TLS certificate", paths.cert),
    read("key of the TLS certificate", paths.key),
  ]);
  try {
    createSecureContext({ cert, key });
    return { cert, key, fingerprint: new X509Certificate(cert).fingerprint256 };
  } catch (error) {
    throw new Error(
      `The certificate ${paths.cert} and the key ${paths.key} cannot serve TLS: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function read(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`The ${what} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
