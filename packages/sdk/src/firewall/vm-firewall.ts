/** `client.vms.firewall`: what is enforced, and what it has decided. Changed by `vms.setFirewall` and `vms.patchFirewall`. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";
import type { NetworkPolicy, NetworkRule } from "./firewall-policy.ts";

export interface FirewallReport {
  /** The VM's policy with one rule for each of its services. */
  readonly policy: NetworkPolicy;
  /** Only of a VM that runs and has a network. */
  readonly hits?: FirewallHits;
}

export interface FirewallHits {
  readonly ingress: DirectionHits;
  readonly egress: DirectionHits;
  /** All of the VM's traffic since it last began to run. */
  readonly traffic: { readonly sent: Hits; readonly received: Hits };
  /** What the policy, or a rule that holds for every VM, stopped. */
  readonly dropped: Hits;
  /** The VM's questions for names, by what became of them. */
  readonly dns: {
    readonly answered: number;
    /** The policy does not let the name be resolved. */
    readonly refused: number;
    /** The answer had addresses that the policy forbids. */
    readonly filtered: number;
    /** More than one VM may ask per second. */
    readonly limited: number;
    readonly failed: number;
  };
}

/** Counted from the last change of the policy. */
export interface DirectionHits {
  /** In the order in which they are tried. */
  readonly rules: readonly (NetworkRule & Hits)[];
  /** What no rule decided. */
  readonly default: Hits;
}

export interface Hits {
  readonly packets: number;
  readonly bytes: number;
}

export class VmFirewall {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  get(vm: VmRef, options?: RequestOptions): ApiPromise<FirewallReport> {
    return this.#http.json({ method: "GET", path: joinPath("v1", "vms", vmIdOf(vm), "firewall"), options });
  }
}
