/** Beside the system's authorities, one more for all connections of this process. */
import { X509Certificate } from "node:crypto";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { UserError } from "../user-error.ts";

/** Throws a UserError when it is no certificate. */
export function trustAuthority(pem: string): void {
  try {
    // Node takes whatever it is given, and trusts nobody more for it.
    void new X509Certificate(pem);
  } catch {
    throw new UserError("The authority's certificate cannot be read", "It is a file of PEM: --ca FILE");
  }
  setDefaultCACertificates([...getCACertificates("default"), pem]);
}
