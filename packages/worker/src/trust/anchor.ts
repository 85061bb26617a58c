/** Which certificate of a server's own chain a client has to trust so that it trusts the server. */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The last that the chain leads to, in PEM: a root that is in the file, or else what the root has signed, down to a certificate that
 * comes alone. `undefined` when everybody trusts it already. The file may hold a key, too: nothing but the certificate is given on.
 */
export function chooseAnchor(chain: Buffer | string): string | undefined {
  const certificates = Array.from(
    chain.toString().matchAll(CERTIFICATE),
    ([pem]) => new X509Certificate(pem),
  );
  let [anchor] = certificates;
  // Not in the order of the file, as people put the root anywhere; no more steps than
  // there are certificates, as two may have signed each other.
  for (let steps = 1; anchor !== undefined && steps < certificates.length; steps += 1) {
    anchor = certificates.find((one) => one !== anchor && hasSigned(one, anchor)) ?? anchor;
  }
  return anchor === undefined || isPublic(anchor) ? undefined : anchor.toString();
}

/** An authority that everybody knows changes what it signs with; each change would cost templates. */
function isPublic(anchor: X509Certificate): boolean {
  return rootCertificates.some((pem) => {
    const root = new X509Certificate(pem);
    return root.fingerprint256 === anchor.fingerprint256 || hasSigned(root, anchor);
  });
}

function hasSigned(issuer: X509Certificate, one: X509Certificate | undefined): boolean {
  return one !== undefined && one.checkIssued(issuer) && one.verify(issuer.publicKey);
}
