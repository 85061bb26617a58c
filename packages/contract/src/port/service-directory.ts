/** What the proxy of services asks of the control plane, which has the records. */
import type { VmId } from "../model/ids.ts";
import type { VmStatus } from "../model/vm-status.ts";
import type { CallOptions } from "./call-options.ts";
import type { PreviewGate } from "./preview-gate.ts";

export interface ServiceDirectory {
  /** May be a few seconds old where another process changed the record; never so for what this process did. */
  lookUp(vmId: VmId, service: string): Promise<ServiceLookup>;

  /**
   * Resolves when the VM runs: a paused one is resumed, one on its way into or out of a pause is waited for. Any number of calls make one
   * resume. Rejects with a FastvmError when the VM cannot come to run, with the signal's reason when that comes first; the resume goes on.
   */
  wake(vmId: VmId, options?: CallOptions): Promise<void>;

  /**
   * Resolves to what tells whether a text contains a credential of ours, or is an API key as a
   * whole, whatever that looks like. It is for one request: keys that come later it need not know.
   */
  credentialCheck(): Promise<CredentialCheck>;

  /** For machines' ports that are reached by URLs with a permission in them. */
  readonly previews: PreviewGate;
}

export type CredentialCheck = (text: string) => boolean;

export type ServiceLookup =
  | { readonly kind: "unknown_vm" }
  | { readonly kind: "unknown_service" }
  | {
      readonly kind: "known";
      /** On the guest's loopback. */
      readonly port: number;
      /** Whether it speaks HTTP/2 in cleartext instead of HTTP/1.1. */
      readonly h2c: boolean;
      readonly status: VmStatus;
      /** Whether requests wake the VM when it is paused. */
      readonly autoResume: boolean;
    };
