/**
 * How what we hand out as a permission is told from anything else: `fv`, letters for what it is, `_`, and at least 192 random bits in base64url. Whatever is
 * added later begins likewise, so that whoever must not pass such values on (the proxy into VMs) knows it already.
 */

export const CREDENTIAL_PREFIX = {
  apiKey: "fvm_",
  consoleToken: "fvc_",
  /** Of a URL that is itself the permission. */
  signature: "fvs_",
} as const;

const FORM = /(?<![A-Za-z0-9])fv[a-z]{1,6}_[A-Za-z0-9_-]{32}/;

/** Whether there is one anywhere in the text. Not of an API key that the operator has chosen, which may look like anything. */
export function containsCredential(text: string): boolean {
  return FORM.test(text);
}
