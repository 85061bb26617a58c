/** What VMs may reach and who may reach them: written by APIs, each in its own words, kept and enforced in nobody's. */
import type { NetworkPolicy, NetworkReport } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { WrittenNetwork } from "../../store/vm-settings.ts";
import type { Caller } from "../caller.ts";
import { findVm } from "../find.ts";
import { changeNetwork, readNetwork, type ChangeNetworkContext } from "./change-network.ts";
import { namesInForce } from "./names-in-force.ts";

export class Networks {
  readonly #ctx: ChangeNetworkContext;

  constructor(ctx: ChangeNetworkContext) {
    this.#ctx = ctx;
  }

  /** What is in force, and what it has done, where the worker knows: both of one instant. */
  async read(
    caller: Caller,
    vm: string,
  ): Promise<{ readonly policy: NetworkPolicy; readonly report: NetworkReport | undefined }> {
    const { id } = await findVm(this.#ctx, caller, vm);
    return readNetwork(this.#ctx, id);
  }

  /** In force when it resolves. `change` is asked twice and throws when it must not be; `undefined` changes nothing. */
  async change(
    caller: Caller,
    vm: string,
    change: (current: WrittenNetwork | undefined) => WrittenNetwork | undefined,
  ): Promise<VmRecord> {
    const { id } = await findVm(this.#ctx, caller, vm);
    return changeNetwork(this.#ctx, id, (current) => {
      const network = change(current.network);
      return network === undefined ? {} : { network: withItsPorts(network, current.network) };
    });
  }
}

/** Who writes a firewall says nothing of ports that a VM was made with, of connections that it may have, or of whom it asks for names. */
function withItsPorts(network: WrittenNetwork, before: WrittenNetwork | undefined): WrittenNetwork {
  const { published, maxConnections, guestLink, dns } = before?.policy ?? {};
  const { nameservers, queryTimeoutMs, allowsRebinding } = dns ?? {};
  const asked = definedOf({ nameservers, queryTimeoutMs, allowsRebinding });
  const names = Object.keys(asked).length === 0 ? {} : { dns: { ...asked, ...namesInForce(network.policy) } };
  return {
    ...network,
    policy: { ...definedOf({ published, maxConnections, guestLink }), ...network.policy, ...names },
  };
}

function definedOf<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const defined = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}
