/** Whether a policy names a guarded address, so that the resolver may hand it out. */
import type { NetworkPolicy } from "@fastvm/contract";
import { isForeignForm, otherForms } from "../ip/address-forms.ts";
import { contains, parseAddress, parseNetwork } from "../ip/ip-network.ts";
import { isBroad } from "./render-rules.ts";

/** True when a rule by network lets the VM reach it, on some port, though it is guarded. */
export function allowsGuarded(policy: NetworkPolicy, text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) return false;
  for (const rule of policy.egress.rules) {
    const network = rule.kind === "cidr" ? parseNetwork(rule.value) : undefined;
    if (network === undefined) continue;
    if (rule.action === "allow") {
      if (contains(network, address) && !isBroad(network)) return true;
    } else if (rule.protocol === "any" && (rule.sparesGuarded !== true || isForeignForm(address))) {
      if ([network, ...otherForms(network)].some((form) => contains(form, address))) return false;
    }
  }
  return false;
}
