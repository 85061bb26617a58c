/**
 * How what we hand out as a permission is told from anything else: `fv`, letters for what it is, `_`, and at least 192 random bits in
 * base64url. Whatever is added later has that in it, so that whoever must not pass such values on (the proxy into VMs) knows it already.
 * A key for another's API begins as that API's clients expect, with ours behind it: another's own keys, which a service may need, pass.
 */

/** The APIs that keys are for. A key opens one of them. */
export const API_NAMES = ["fastvm", "nullspace", "microsandbox"] as const;

export type ApiName = (typeof API_NAMES)[number];

export const CREDENTIAL_PREFIX = {
  apiKey: "fvm_",
  consoleToken: "fvc_",
  /** Of a URL that is itself the permission. */
  signature: "fvs_",
  /** Of a URL that leads to one file in a VM, with all that it permits in it. */
  transfer: "fvx_",
  /** Of previews, each family and kind of request its own: in a URL for HTTP, and for WebSockets. */
  previewUrl: "fve_",
  previewSocketUrl: "fvew_",
  /** In place of a URL's, once that was opened. */
  previewCookie: "fvek_",
  /** In the header that a customer's proxy adds, for HTTP and for WebSockets. */
  previewProxy: "fvp_",
  previewSocketProxy: "fvpw_",
  /** Beside any of these, of a machine whose traffic is private. */
  previewTraffic: "fvt_",
} as const;

/** How a key begins, by the API that it is for. */
export const API_KEY_PREFIX: Readonly<Record<ApiName, string>> = {
  fastvm: CREDENTIAL_PREFIX.apiKey,
  nullspace: `ns_live_${CREDENTIAL_PREFIX.apiKey}`,
  microsandbox: `msb_${CREDENTIAL_PREFIX.apiKey}`,
};

const FORM = /(?<![A-Za-z0-9])fv[a-z]{1,6}_[A-Za-z0-9_-]{32}/;

/** Whether there is one anywhere in the text. Not of an API key that the operator has chosen, which may look like anything. */
export function containsCredential(text: string): boolean {
  return FORM.test(text);
}
