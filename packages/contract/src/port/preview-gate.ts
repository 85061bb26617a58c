/** What the proxy asks of the control plane before a request reaches a machine's port by a preview URL. */
import type { VmId } from "../model/ids.ts";
import type { VmStatus } from "../model/vm-status.ts";

export interface PreviewGate {
  /**
   * Whether the request may go on to the machine, and as what. Asked again after a wait: what it presents may have been revoked meanwhile,
   * by another process some seconds ago at most.
   */
  admit(request: PreviewRequest): Promise<PreviewLookup>;
  /** Counts; returns at once. */
  used(grantId: string, use: PreviewUse): void;
  /**
   * Calls `then` once if the grant is revoked, for who was let in by it and is still in: by this process at once, by another some seconds
   * later. Gives what ends the watch.
   */
  onRevoked(vmId: VmId, grantId: string, then: () => void): () => void;
}

export interface PreviewRequest {
  readonly vmId: VmId;
  readonly port: number;
  readonly kind: "http" | "websocket";
  readonly credentials: PreviewCredentials;
}

/** Each by the way that its family has, and by no other. Absent: nothing came that way. What came twice is no credential: an empty text. */
export interface PreviewCredentials {
  /** From the URL's query. */
  readonly url?: string;
  /** From cookies of our name; any of them may be ours. */
  readonly cookies: readonly string[];
  /** From the header for proxies; empty where the URL says that it comes there, and it does not. */
  readonly proxy?: string;
  /** From the header for private traffic. */
  readonly traffic?: string;
}

export type PreviewRefusal =
  | "edge_token_missing"
  | "edge_token_expired"
  | "edge_token_invalid"
  | "preview_grant_disabled"
  | "preview_proxy_token_disabled"
  | "traffic_access_token_missing"
  | "traffic_access_token_invalid";

export type PreviewLookup =
  | { readonly kind: "unknown_vm" }
  | { readonly kind: "refused"; readonly code: PreviewRefusal }
  | {
      readonly kind: "known";
      readonly grantId: string;
      readonly status: VmStatus;
      readonly autoResume: boolean;
      /** What the service sees as the host; absent: what the client sent. */
      readonly maskHost?: string;
      /** What stands for the URL's token from now on. Absent where it did not come by the URL, or opens no pages. */
      readonly continuation?: { readonly cookie: string; readonly maxAgeSec: number };
    };

/** What is left out is none. */
export interface PreviewUse {
  readonly requests?: number;
  readonly webSockets?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** The code with which it failed. */
  readonly error?: string;
}
