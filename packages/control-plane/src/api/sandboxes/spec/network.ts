/** What a specification says of the network, as the engine's policy. */
import type { SandboxSpec } from "@fastvm/contract";
import type { WrittenNetwork } from "../../../engine/engine.ts";
import { policyOfDocument } from "./policy.ts";

const API = "microsandbox";

/** `undefined`: as every VM has it of which nobody says anything. */
export function policyNetwork(network: SandboxSpec["network"]): WrittenNetwork | undefined {
  if (network?.enabled !== false) {
    const document = network?.policy ?? undefined;
    if (document === undefined) return undefined;
    return { policy: policyOfDocument(document), presentation: { api: API, value: { policy: document } } };
  }
  const nothing = { default: "deny", rules: [] } as const;
  return {
    policy: {
      ingress: nothing,
      egress: nothing,
      dns: { mode: "allow", domains: [], blockBypass: true },
    },
    presentation: { api: API, value: { enabled: false } },
  };
}
