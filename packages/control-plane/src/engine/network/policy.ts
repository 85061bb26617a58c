/** What holds where nobody wrote anything. */
import type { DnsPolicy, WrittenPolicy } from "@fastvm/contract";
import type { WrittenNetwork } from "../../store/vm-settings.ts";

export const DEFAULT_POLICY: WrittenPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "allow", rules: [] },
};

/** What a `dns` that was written leaves out. */
export const EVERY_NAME: DnsPolicy = { mode: "deny", domains: [], blockBypass: false };

export function policyOf(network: WrittenNetwork | undefined): WrittenPolicy {
  return network?.policy ?? DEFAULT_POLICY;
}
