/** What VMs may reach and who may reach them: written by APIs, each in its own words, kept and enforced in nobody's. */
import type { NetworkPolicy, NetworkReport } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { WrittenNetwork } from "../../store/vm-settings.ts";
import type { Caller } from "../caller.ts";
import { findVm } from "../find.ts";
import { changeNetwork, readNetwork, type ChangeNetworkContext } from "./change-network.ts";

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
      return network === undefined ? {} : { network };
    });
  }
}
