/** How a firewall was written by clients of this API, kept beside the policy so that it can be shown as it was written. */
import type { WrittenNetwork } from "../../../engine/engine.ts";
import type { LegacyFirewall, WrittenPolicy } from "@fastvm/contract";

const API = "fastvm";

type Written =
  | { readonly dialect: "rules" }
  /** Kept, since its rules in the newer dialect do not tell how they were put together. */
  | { readonly dialect: "legacy"; readonly policy: Required<LegacyFirewall> };

/** `undefined`: nobody wrote it, or not in this API's words. */
export function writtenAs(network: WrittenNetwork | undefined): Written | undefined {
  const presentation = network?.presentation;
  return presentation?.api === API ? (presentation.value as Written) : undefined;
}

export function written(policy: WrittenPolicy, value: Written): WrittenNetwork {
  return { policy, presentation: { api: API, value } };
}
