/**
 * Enforces the policies of this daemon's VMs in the kernel: one nftables table, in which every VM
 * has chains of its own. A call resolves when what it asked for is in force. What the table ought
 * to be is kept in memory, so that it can be put back when someone else on the host removes it.
 */
import type { Hits, NetworkPolicy } from "@fastvm/contract";
import type { CommandShell } from "../host/command-shell.ts";
import { allowsGuarded } from "./allows-guarded.ts";
import { NO_HITS } from "./door-report.ts";
import { gather } from "./gather.ts";
import { judge } from "./judge.ts";
import type { Judgement, NamedConnection } from "./judge.ts";
import type { FirewallGuest, FirewallReport, LearnedAddress, TrafficReport } from "./guest-port.ts";
import { parseNetwork } from "../ip/ip-network.ts";
import { KeptTable } from "./kept-table.ts";
import { LearnedAddresses, renderChanges } from "./learned-addresses.ts";
import type { AddressChange, LearnedElement } from "./learned-addresses.ts";
import { isSameLimit, shapingCommand } from "./rate-limit.ts";
import { readReport } from "./read-table.ts";
import type { TableState } from "./read-table.ts";
import { COUNTER_SETS, dropTable, renderBase } from "./render-table.ts";
import type { TableOptions } from "./render-table.ts";
import type { InterceptPorts } from "./render-intercept.ts";
import { policyChains, renderCounts, renderDetach, renderInstall } from "./render-vm.ts";
import type { GuestPolicy } from "./render-vm.ts";

interface FirewallOptions {
  readonly shell: CommandShell;
  /** Six hexadecimal digits; names the table `fastvm_<instance>`. */
  readonly instance: string;
  /** The device group of this daemon's cables. */
  readonly group: number;
  readonly resolverPort: number;
  /** The network that `publicIpv6` addresses are from, such as `fd00:1:2::/48`. */
  readonly vmPrefix: string;
  /** Told when someone else changed the table, and when it could not be put back. */
  readonly onError: (error: Error) => void;
}

interface AttachedVm extends GuestPolicy {
  readonly learned: LearnedAddresses;
}

const CLOSED: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: true },
};
const COUNTING_SETS = COUNTER_SETS.map((set) => `set ${set}`);

export class Firewall {
  readonly #shell: CommandShell;
  readonly #options: TableOptions;
  readonly #table: KeptTable;
  readonly #onError: (error: Error) => void;
  readonly #vms = new Map<number, AttachedVm>();
  /** What the next transaction of learned addresses has, and its outcome. */
  #learning: { readonly changes: AddressChange[]; readonly done: Promise<void> } | undefined;
  #learned: Promise<void> = Promise.resolve();

  /** Makes the table, or takes over what an earlier daemon left: its VMs' rules hold until `restore`. */
  static async open(options: FirewallOptions): Promise<Firewall> {
    const vmPrefix = parseNetwork(options.vmPrefix);
    if (vmPrefix === undefined) throw new Error(`${options.vmPrefix} is no network`);
    const firewall = new Firewall(options, { ...options, vmPrefix });
    await firewall.#table.open();
    return firewall;
  }

  private constructor({ shell, onError }: FirewallOptions, options: TableOptions) {
    this.#shell = shell;
    this.#options = options;
    this.#table = new KeptTable(shell, options, {
      whole: () => this.#renderWhole(),
      indexes: () => this.#vms.keys(),
      onError,
    });
    this.#onError = onError;
  }

  /** Once after a restart, with all VMs that run on: their policies are in force, what belonged to others is gone. One transaction. */
  restore(guests: readonly GuestPolicy[]): Promise<void> {
    return this.#table.run(async () => {
      const found = await this.#table.read();
      const now = Date.now();
      for (const { guest, policy: held } of guests) {
        const policy = (await this.#renders({ guest, policy: held })) ? held : CLOSED;
        const learned = new LearnedAddresses(guest.index, policy);
        this.#vms.set(guest.index, { guest, policy, learned });
      }
      for (const element of found.learned) {
        this.#vms.get(element.index)?.learned.remember(element, element.ttlSec, now);
      }
      // As a whole, since what is there may be of another version, or not as it was left.
      await this.#table.replace(this.#renderWhole(found.counts));
      // One namespace that is broken must not hold the others' VMs up.
      await this.#shapeAll();
    });
  }

  /** One policy of another version must not keep the others' VMs from theirs; its VM reaches nothing until it gets a new one. */
  async #renders(vm: GuestPolicy): Promise<boolean> {
    try {
      await gather(renderInstall(this.#options, vm));
      return true;
    } catch (error) {
      this.#onError(
        new Error(`The policy of the VM with index ${vm.guest.index} cannot be kept`, { cause: error }),
      );
      return false;
    }
  }

  /** Lets a VM out that had no policy before; until then it reaches nothing. */
  attach(guest: FirewallGuest, policy: NetworkPolicy): Promise<void> {
    return this.#table.run(async () => {
      const former = this.#vms.get(guest.index);
      const learned = former?.learned.under(policy) ?? new LearnedAddresses(guest.index, policy);
      await this.#install({ guest, policy, learned });
    });
  }

  /** Replaces a policy. Flows that the new one forbids are cut when it resolves. If it rejects, the old one holds. */
  update(index: number, policy: NetworkPolicy): Promise<void> {
    return this.#table.run(async () => {
      const former = this.#vms.get(index);
      if (former === undefined) throw new Error(`The VM with index ${index} has no firewall`);
      await this.#install({ ...former, policy, learned: former.learned.under(policy) });
    });
  }

  /** Where what a VM's policy has intercepted goes from now on; `undefined`: nowhere. Does nothing for a VM that is not attached. */
  lead(index: number, proxy: InterceptPorts | undefined): Promise<void> {
    return this.#table.run(async () => {
      const vm = this.#vms.get(index);
      if (vm !== undefined) await this.#install({ ...vm, proxy });
    });
  }

  /** What the policy of now says of a connection whose server's name is known, which the kernel has let through by its address. */
  judge(index: number, connection: NamedConnection): Judgement {
    const vm = this.#vms.get(index);
    if (vm === undefined) return { allowed: false, by: "default" };
    return judge(vm.policy, connection, (rule, address) => vm.learned.hasLearned(rule, address));
  }

  /** The VM reaches nothing any more and its counts are gone. Does nothing for a VM that is not attached. */
  detach(index: number): Promise<void> {
    return this.#table.run(async () => {
      const vm = this.#vms.get(index);
      if (vm === undefined) return;
      this.#vms.delete(index);
      const forgotten = renderChanges(this.#table.name, vm.learned.notIn(undefined));
      await this.#table.change(renderDetach(this.#options, vm) + forgotten);
    });
  }

  /** To be awaited before the answer leaves. Does nothing when no fqdn rule means one of the names. */
  learn(index: number, entries: readonly LearnedAddress[]): Promise<void> {
    const changes = this.#vms.get(index)?.learned.learn(entries, Date.now()) ?? [];
    // What is known may be on its way to the kernel still.
    if (changes.length === 0) return this.#learned;
    if (this.#learning === undefined) {
      const collected: AddressChange[] = [];
      const done = this.#table.run(() => {
        this.#learning = undefined;
        return this.#addLearned(collected);
      });
      this.#learning = { changes: collected, done };
      this.#learned = done;
      const settle = (): void => {
        if (this.#learned === done) this.#learned = Promise.resolve();
      };
      done.then(settle, settle);
    }
    this.#learning.changes.push(...changes);
    return this.#learning.done;
  }

  /** Whether a rule, and not only the default or a broad network, lets the VM reach an address of a guarded range. For the resolver. */
  allowsGuarded(index: number, address: string): boolean {
    const vm = this.#vms.get(index);
    return vm !== undefined && allowsGuarded(vm.policy, address);
  }

  /** `undefined` when the VM is not attached. */
  async report(index: number): Promise<FirewallReport | undefined> {
    const vm = this.#vms.get(index);
    if (vm === undefined) return undefined;
    const chains = policyChains(vm).map((chain) => `chain ${chain}`);
    const listing = await this.#table.list([...chains, ...COUNTING_SETS]);
    return readReport(listing, vm.guest.veth, vm.policy);
  }

  /** Of every attached VM, by index. */
  async reportAll(): Promise<ReadonlyMap<number, TrafficReport>> {
    const sets = await this.#table.counts();
    const count = (set: (typeof COUNTER_SETS)[number], { guest }: AttachedVm): Hits =>
      sets.get(set)?.get(guest.veth) ?? NO_HITS;
    return new Map(
      [...this.#vms].map(([index, vm]) => [
        index,
        {
          traffic: { sent: count("sent", vm), received: count("received", vm) },
          dropped: count("dropped", vm),
        },
      ]),
    );
  }

  /** Whether the table is as it should be, as far as can be told cheaply; else it is put back. Happens by itself now and then. */
  check(): Promise<boolean> {
    return this.#table.check();
  }

  /** `keep` leaves the table to the VMs that run on without a daemon; else it is deleted. */
  close({ keep }: { readonly keep: boolean }): Promise<void> {
    return this.#table.close({ keep });
  }

  /** The limit first: it is easily taken back when the rules are refused. */
  async #install(next: AttachedVm): Promise<void> {
    const { index } = next.guest;
    const former = this.#vms.get(index);
    const text = await gather(renderInstall(this.#options, next, former));
    const changesLimit = !isSameLimit(former?.policy.egress.rateLimit, next.policy.egress.rateLimit);
    if (changesLimit) await this.#shape(next.guest, next.policy);
    this.#vms.set(index, next);
    const forgotten = renderChanges(this.#table.name, former?.learned.notIn(next.learned) ?? []);
    try {
      await this.#table.change(text + forgotten);
    } catch (error) {
      if (former === undefined) this.#vms.delete(index);
      else this.#vms.set(index, former);
      if (changesLimit) await this.#shape(next.guest, former?.policy).catch(this.#onError);
      throw error;
    }
  }

  async #shape({ namespace }: FirewallGuest, policy: NetworkPolicy | undefined): Promise<void> {
    await this.#shell.run(shapingCommand(namespace, policy?.egress.rateLimit));
  }

  /** Those without a limit, which are most, in one go: what there may be to remove is of a daemon that ended halfway. */
  async #shapeAll(): Promise<void> {
    const vms = [...this.#vms.values()];
    const unlimited = vms.filter(({ policy }) => policy.egress.rateLimit === undefined);
    await this.#shell.run(
      [":", ...unlimited.map(({ guest }) => shapingCommand(guest.namespace, undefined))].join("\n"),
    );
    for (const { guest, policy } of vms) {
      if (policy.egress.rateLimit !== undefined) await this.#shape(guest, policy).catch(this.#onError);
    }
  }

  #hasUse(element: LearnedElement): boolean {
    return this.#vms.get(element.index)?.learned.hasUse(element) === true;
  }

  async #addLearned(collected: readonly AddressChange[]): Promise<void> {
    // A rule may have gone since; then nobody wants its addresses. What is to go is known here alone.
    const changes = collected.filter((change) => change.ttlSec === 0 || this.#hasUse(change));
    if (changes.length === 0) return;
    try {
      await this.#table.change(renderChanges(this.#table.name, changes));
    } catch (error) {
      for (const { learned } of this.#vms.values()) learned.forget(changes);
      throw error;
    }
  }

  *#renderWhole(counts?: TableState["counts"]): Generator<string> {
    const now = Date.now();
    yield dropTable(this.#table.name);
    yield renderBase(this.#options);
    for (const vm of this.#vms.values()) {
      const { veth } = vm.guest;
      const counted = counts?.get(veth);
      if (counted !== undefined) yield renderCounts(this.#options, veth, counted);
      yield* renderInstall(this.#options, vm);
      yield renderChanges(this.#table.name, vm.learned.all(now));
    }
  }
}
