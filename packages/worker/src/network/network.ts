/** The network of this daemon's VMs: namespaces made ahead, policies in the kernel, a resolver for each guest. */
import type { BlockedRequest, InterceptionOrder, NetworkPolicy, NetworkReport } from "@fastvm/contract";
import type { DnsService } from "../dns/guest-port.ts";
import { mayResolve } from "../dns/answer-policy.ts";
import { PublishedPorts, type Dial } from "../published/published-ports.ts";
import { Resolver } from "../dns/resolver.ts";
import type { ResolverTotals } from "../dns/resolver.ts";
import type { Question, Verdict } from "@fastvm/egress-proxy";
import { Interception } from "../egress/interception.ts";
import type { ProxyHost } from "../egress/proxy-process.ts";
import { ResolvedNames } from "../egress/resolved-names.ts";
import { forgetMarked, interceptMark, leadMarked } from "../firewall/render-intercept.ts";
import { parseNetwork } from "../ip/ip-network.ts";
import { Firewall } from "../firewall/firewall.ts";
import { withDoor, withDrops } from "../firewall/door-report.ts";
import type { DoorOptions } from "../firewall/render-door.ts";
import type { TrafficReport } from "../firewall/guest-port.ts";
import { CommandShell } from "../host/command-shell.ts";
import { defaultVmPrefix, formatVmPrefix, hostIpv6, parseVmPrefix, RESOLVER_PORT } from "./addresses.ts";
import type { VmPrefix } from "./addresses.ts";
import { allowThroughDocker, forbidThroughDocker } from "./foreign-forwarding.ts";
import { Blackholes } from "./blackholes.ts";
import { Doors } from "./doors.ts";
import { forgetHost, hasIpv6, prepareHost } from "./host-routing.ts";
import { readdress } from "./namespace.ts";
import { instanceOf, vmNetworkOf } from "./vm-network.ts";
import type { Instance, VmNetwork } from "./vm-network.ts";
import { VmNetworkMaker } from "./vm-network-maker.ts";
import { SpareVmNetworks } from "./spare-vm-networks.ts";

export interface NetworkOptions {
  /** Six hexadecimal digits that no other daemon of this machine has. */
  readonly instance: string;
  readonly ipv6Prefix?: string | undefined;
  readonly nameservers?: readonly string[] | undefined;
  /** Of the host, beside its loopback, whose ports may lead to VMs. */
  readonly publishAddresses?: readonly string[] | undefined;
  /** What proxies of VMs need of the host; without it nothing can be intercepted, and what should be is dropped. */
  readonly proxies?: Omit<ProxyHost, "hasIpv6">;
  readonly onError: (error: unknown) => void;
}

/** What a VM's proxy works by, and who is told of what it stops. */
export interface InterceptedGuest {
  readonly order: InterceptionOrder;
  readonly blocked: (blocked: BlockedRequest) => void;
}

/** Whoever starts Docker beside VMs waits for it about as long. */
const DOCKER_CHECK_MS = 15_000;

interface Parts {
  readonly shell: CommandShell;
  readonly instance: Instance;
  /** Absent where the host has no IPv6. */
  readonly prefix: VmPrefix | undefined;
  readonly hostIpv6: string | undefined;
  readonly maker: VmNetworkMaker;
  readonly firewall: Firewall;
  readonly doors: Doors;
  readonly blackholes: Blackholes;
  readonly resolver: Resolver;
  readonly proxies: ProxyHost | undefined;
  readonly publishAddresses: readonly string[];
  readonly onError: (error: unknown) => void;
}

/** A VM that has been let out. */
interface Guest {
  policy: NetworkPolicy;
  readonly dns: Promise<DnsService>;
  readonly names: ResolvedNames;
  readonly published: PublishedPorts;
  interception?: Interception;
}

export class Network {
  readonly #parts: Parts;
  readonly #guests = new Map<number, Guest>();
  #spares: SpareVmNetworks | undefined;
  readonly #dockerCheck: NodeJS.Timeout;

  /**
   * Rejects where this process may not make networks, with the kernel's reason. VMs of an earlier daemon keep their rules until `adopt`.
   */
  static async open(options: NetworkOptions): Promise<Network> {
    const wanted = prefixOf(options);
    const prefix = (await hasIpv6()) ? wanted : undefined;
    const instance = instanceOf(options.instance);
    const shell = new CommandShell();
    try {
      const resolver = Resolver.open({ upstreams: options.nameservers, onError: options.onError });
      await prepareHost(shell, prefix);
      await allowThroughDocker(shell, instance);
      const firewall = await Firewall.open({
        shell,
        instance: instance.name,
        group: instance.group,
        resolverPort: RESOLVER_PORT,
        vmPrefix: formatVmPrefix(wanted),
        onError: options.onError,
      });
      const ownIpv6 = prefix && hostIpv6(prefix);
      const mark = interceptMark(instance.name);
      await shell.run(`set -e\n${leadMarked(mark, prefix !== undefined)}`);
      const door = doorOptions(wanted);
      const maker = new VmNetworkMaker({ shell, instance, prefix: wanted, hostIpv6: ownIpv6, door });
      return new Network({
        shell,
        instance,
        prefix,
        hostIpv6: ownIpv6,
        maker,
        firewall,
        doors: new Doors(shell, door, options.onError),
        blackholes: new Blackholes(shell, prefix !== undefined),
        resolver,
        proxies: options.proxies && { ...options.proxies, hasIpv6: prefix !== undefined },
        publishAddresses: options.publishAddresses ?? [],
        onError: options.onError,
      });
    } catch (error) {
      await shell.close();
      throw new Error(
        `VMs cannot have a network here (start with --network none to do without): ${textOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { shell, instance, onError } = parts;
    this.#dockerCheck = setInterval(
      () => void allowThroughDocker(shell, instance).catch(onError),
      DOCKER_CHECK_MS,
    );
    this.#dockerCheck.unref();
  }

  /** Whether VMs' public addresses lead to them. */
  get hasIpv6(): boolean {
    return this.#parts.prefix !== undefined;
  }

  networkOf(held: Pick<VmNetwork, "index" | "publicIpv6">): VmNetwork {
    return vmNetworkOf(this.#parts.instance, held);
  }

  /** Once, before anything else: takes over the VMs of an earlier daemon, and removes what is left of others. */
  async adopt(guests: readonly { vmNetwork: VmNetwork; policy: NetworkPolicy; dial: Dial }[]): Promise<void> {
    const { maker, firewall, doors, blackholes, onError } = this.#parts;
    for (const { vmNetwork } of guests) maker.reserve(vmNetwork);
    await blackholes.sweep();
    for (const { vmNetwork, policy } of guests)
      if (policy.interception !== undefined) await blackholes.set(vmNetwork, policy.interception);
    await firewall.restore(guests.map(({ vmNetwork, policy }) => ({ guest: vmNetwork, policy })));
    // One whose names cannot be served must not keep the others, and the daemon, from coming up.
    await Promise.all(
      guests.map(({ vmNetwork, policy, dial }) => this.#serveNames(vmNetwork, policy, dial).catch(onError)),
    );
    await Promise.all(
      guests.map(({ vmNetwork, policy }) => this.#publish(vmNetwork.index, policy).catch(onError)),
    );
    // The first door is in force; nobody waits for hundreds of second ones, which an older daemon may have made without.
    for (const { vmNetwork, policy } of guests) void doors.set(vmNetwork, policy).catch(onError);
    await maker.sweep(guests.map(({ vmNetwork }) => vmNetwork));
    this.#spares = new SpareVmNetworks(maker, onError);
  }

  /** A namespace that is nobody's, in which a guest reaches nothing yet. */
  async take(): Promise<VmNetwork> {
    return await (this.#spares?.take() ?? this.#parts.maker.make());
  }

  /** Call when no process is in it any more. Does all that it can; the first failure is told. */
  async release(vmNetwork: VmNetwork): Promise<void> {
    const { firewall, doors, blackholes, maker, onError } = this.#parts;
    doors.forget(vmNetwork);
    const guest = this.#guests.get(vmNetwork.index);
    this.#guests.delete(vmNetwork.index);
    // One that never came up has told whoever attached it.
    await guest?.published.close().catch(onError);
    await guest?.interception?.close().catch(onError);
    await (await guest?.dns.catch(() => undefined))?.close();
    const detached = firewall.detach(vmNetwork.index);
    const [, removed] = await Promise.allSettled([
      detached,
      detached.catch(() => undefined).then(() => maker.remove(vmNetwork)),
    ]);
    if (guest?.policy.interception !== undefined) await blackholes.set(vmNetwork, undefined).catch(onError);
    await detached;
    if (removed.status === "rejected") throw removed.reason;
  }

  /**
   * Opens it for a VM, which has this public address from now on, and is reached by its published ports as `dial` does. Resolves when what
   * its policy has intercepted is, if there is an order. Rejects with `conflict` where the host has no such port free.
   */
  async attach(
    vmNetwork: VmNetwork,
    publicIpv6: string,
    policy: NetworkPolicy,
    dial: Dial,
    intercepted?: InterceptedGuest,
  ): Promise<void> {
    const { shell, hostIpv6: ownIpv6, firewall, doors, blackholes } = this.#parts;
    const guest = { ...vmNetwork, publicIpv6 };
    const { guestLink } = policy;
    if (publicIpv6 !== vmNetwork.publicIpv6 || guestLink !== undefined)
      await readdress(shell, guest, { formerIpv6: vmNetwork.publicIpv6, hostIpv6: ownIpv6, guestLink });
    if (policy.interception !== undefined) await blackholes.set(guest, policy.interception);
    const door = doors.set(guest, policy, { isNew: true });
    await Promise.all([door, firewall.attach(guest, policy), this.#serveNames(guest, policy, dial)]);
    await this.#publish(guest.index, policy);
    if (intercepted !== undefined) await this.intercept(vmNetwork, intercepted);
  }

  /** Has what the VM's policy intercepts go through a proxy that works by this order. Until it resolves first it is dropped. */
  async intercept({ index, veth }: VmNetwork, { order, blocked }: InterceptedGuest): Promise<void> {
    const { proxies, firewall, onError } = this.#parts;
    const guest = this.#guests.get(index);
    if (guest === undefined || guest.policy.interception === undefined) return;
    if (proxies === undefined) throw new Error("no proxies can be started here");
    guest.interception ??= new Interception({
      host: proxies,
      name: veth,
      judge: (question) => this.#judge(index, guest, question),
      blocked,
      lead: (ports) => firewall.lead(index, ports),
      onError,
    });
    await guest.interception.arm(order);
  }

  /** The same as of a direct connection, and by its name. */
  #judge(index: number, guest: Guest, { address, port, name }: Question): Verdict {
    const isResolved = name !== undefined && guest.names.has(name, address);
    const { allowed, by } = this.#parts.firewall.judge(index, {
      address,
      port,
      ...(name !== undefined && { name }),
    });
    const { dns } = guest.policy;
    const mayBeNamed = name === undefined || mayResolve(dns, name);
    // A network that is allowed is so whatever its servers are called, also where no name resolves; a list of denied names goes before.
    const isNameAllowed = mayBeNamed || (by === "network" && dns.mode === "allow");
    return { allowed: allowed && isNameAllowed, isResolved, byName: by === "name" };
  }

  async #publish(index: number, { published }: NetworkPolicy): Promise<void> {
    if (published !== undefined) await this.#guests.get(index)?.published.set(published);
  }

  async #serveNames({ index, hostIpv4, ipv4 }: VmNetwork, policy: NetworkPolicy, dial: Dial): Promise<void> {
    const { resolver, firewall, publishAddresses } = this.#parts;
    const names = new ResolvedNames();
    const dns = resolver.serve({
      address: hostIpv4,
      port: RESOLVER_PORT,
      client: ipv4,
      guest: {
        policy: () => (this.#guests.get(index)?.policy ?? policy).dns,
        allowsAddress: (address) => firewall.allowsGuarded(index, address),
        learn: (entries) => {
          names.note(entries);
          return firewall.learn(index, entries);
        },
      },
    });
    const published = new PublishedPorts(dial, publishAddresses);
    this.#guests.set(index, { policy, dns, names, published });
    await dns;
  }

  async update(vmNetwork: VmNetwork, policy: NetworkPolicy): Promise<void> {
    const { doors, blackholes, firewall, onError } = this.#parts;
    const guest = this.#guests.get(vmNetwork.index);
    // First, since it may not come to that.
    await guest?.published.set(policy.published);
    await doors.set(vmNetwork, policy);
    if (policy.interception !== undefined) await blackholes.set(vmNetwork, policy.interception);
    try {
      await firewall.update(vmNetwork.index, policy);
    } catch (error) {
      if (guest !== undefined) {
        await doors.set(vmNetwork, guest.policy).catch(onError);
        await guest.published.set(guest.policy.published).catch(onError);
        await blackholes.set(vmNetwork, guest.policy.interception).catch(onError);
      }
      throw error;
    }
    if (guest === undefined) return;
    if (policy.interception === undefined && guest.policy.interception !== undefined)
      await blackholes.set(vmNetwork, undefined);
    guest.policy = policy;
    if (policy.interception === undefined) {
      await guest.interception?.close();
      delete guest.interception;
    } else await guest.interception?.renew();
  }

  async report(vmNetwork: VmNetwork): Promise<NetworkReport | undefined> {
    const { firewall, doors } = this.#parts;
    const [report, door] = await Promise.all([
      firewall.report(vmNetwork.index),
      doors.report(vmNetwork.index),
    ]);
    const dns = await this.#guests.get(vmNetwork.index)?.dns;
    return report && dns && { ...withDoor(report, door), dns: dns.counts() };
  }

  /** Of all VMs, by the index of their network, and of the resolver. */
  async metrics(): Promise<NetworkMetrics> {
    const { firewall, doors, resolver } = this.#parts;
    const [traffic, drops] = await Promise.all([firewall.reportAll(), doors.drops()]);
    const added = ([index, report]: readonly [number, TrafficReport]) =>
      [index, withDrops(report, drops.get(index))] as const;
    return { traffic: new Map([...traffic].map(added)), names: resolver.totals() };
  }

  /** `keep`: VMs run on, under their rules, for the next daemon to find. */
  async close({ keep }: { readonly keep: boolean }): Promise<void> {
    const { shell, maker, firewall, doors, resolver, prefix, onError } = this.#parts;
    clearInterval(this.#dockerCheck);
    try {
      for (const vmNetwork of (await this.#spares?.close()) ?? [])
        await maker.remove(vmNetwork).catch(onError);
      await resolver.close();
      for (const { interception, published } of this.#guests.values())
        await Promise.all([interception?.close(), published.close()]);
      await doors.close();
      await firewall.close({ keep });
      if (keep) return;
      await forbidThroughDocker(shell, this.#parts.instance);
      await forgetHost(shell, prefix);
      await shell.run(forgetMarked(interceptMark(this.#parts.instance.name), prefix !== undefined));
    } finally {
      await shell.close();
    }
  }
}

interface NetworkMetrics {
  readonly traffic: ReadonlyMap<number, TrafficReport>;
  readonly names: ResolverTotals;
}

function prefixOf({ ipv6Prefix, instance }: NetworkOptions): VmPrefix {
  if (ipv6Prefix === undefined) return defaultVmPrefix(instance);
  const prefix = parseVmPrefix(ipv6Prefix);
  if (prefix === undefined)
    throw new Error(`${ipv6Prefix} is no IPv6 network of at most 96 bits, such as 2001:db8:1::/64`);
  return prefix;
}

function doorOptions(prefix: VmPrefix): DoorOptions {
  const vmPrefix = parseNetwork(formatVmPrefix(prefix));
  if (vmPrefix === undefined) throw new Error(`${formatVmPrefix(prefix)} is no network`);
  return { resolverPort: RESOLVER_PORT, vmPrefix };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
