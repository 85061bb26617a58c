/**
 * URLs that are themselves the permission: whoever has one may move one object in one direction, up to a size,
 * until a time. The same URL is good from the client's machine and from inside the VM, so it carries no key.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { CREDENTIAL_PREFIX } from "@fastvm/contract";
import type { StagingHolder } from "./staging-holder.ts";

type StagingMethod = "PUT" | "GET";

export interface StagingGrant {
  readonly method: StagingMethod;
  readonly holder: StagingHolder;
  readonly objectId: string;
  readonly maxBytes: number;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

const SECRET_BYTES = 32;
/** No `/` at the end, where curl would add a file name, and none of curl's globbing characters. */
const PATH = /^\/staging\/((?:org-)?[0-9a-f-]{36})\/([0-9a-f]{32})$/;

export class SignedUrls {
  readonly #secret: Buffer;

  /** With a secret of its own for each run, a daemon's URLs end with it; their objects do, too. */
  constructor(secret: Buffer = randomBytes(SECRET_BYTES)) {
    this.#secret = secret;
  }

  newObjectId(): string {
    return randomBytes(16).toString("hex");
  }

  /** Path and query, to be put behind the base URL by which the client knows us. */
  sign(grant: StagingGrant): string {
    const query = new URLSearchParams({
      method: grant.method,
      max: String(grant.maxBytes),
      expires: String(grant.expiresAtMs),
      signature: this.#signature(grant),
    });
    return `/staging/${grant.holder}/${grant.objectId}?${query.toString()}`;
  }

  /** The grant of a URL, path and query; `undefined` for one that we did not sign. Whether it has expired is the caller's to see. */
  verify(target: string): StagingGrant | undefined {
    const url = URL.parse(target, "http://localhost");
    const match = PATH.exec(url?.pathname ?? "");
    const method = url?.searchParams.get("method");
    if (url === null || match === null || (method !== "PUT" && method !== "GET")) return undefined;
    const grant: StagingGrant = {
      method,
      holder: match[1] as StagingHolder,
      objectId: match[2] ?? "",
      maxBytes: Number(url.searchParams.get("max")),
      expiresAtMs: Number(url.searchParams.get("expires")),
    };
    const given = Buffer.from(url.searchParams.get("signature") ?? "");
    const expected = Buffer.from(this.#signature(grant));
    return given.length === expected.length && timingSafeEqual(given, expected) ? grant : undefined;
  }

  #signature(grant: StagingGrant): string {
    const { method, holder, objectId, maxBytes, expiresAtMs } = grant;
    const digest = createHmac("sha256", this.#secret)
      .update(`${method}\n${holder}\n${objectId}\n${maxBytes}\n${expiresAtMs}`)
      .digest("base64url");
    return CREDENTIAL_PREFIX.signature + digest;
  }
}
