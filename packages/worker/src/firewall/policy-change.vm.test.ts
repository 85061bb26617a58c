/** Changes of what is in force: by a policy, and by who enforces it. */
import { describe, expect, it } from "vitest";
import { CommandShell } from "../host/command-shell.ts";
import {
  INDEX,
  NAME,
  OTHER4,
  SITE4,
  SITE6,
  TABLE,
  allowAll,
  learned,
  sleep,
  useFirewallLab,
  waitFor,
} from "../testing/firewall-lab.ts";
import { policy, rule, tcp, udp } from "../testing/policies.ts";

const at = useFirewallLab();

describe("a policy that is tightened", () => {
  it("cuts flows that the VM opened, and gives them back when it is loosened", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), allowAll);
    expect(await at.vm.opens("four", tcp(SITE4))).toBe(true);
    expect(await at.vm.opens("six", tcp(SITE6))).toBe(true);
    expect(await at.vm.opens("other", tcp(OTHER4))).toBe(true);
    await at.firewall.update(INDEX, policy([rule(`${OTHER4}/32`)]));
    expect(await Promise.all(["four", "six", "other"].map((name) => at.vm.echoes(name)))).toEqual([
      false,
      false,
      true,
    ]);
    await at.firewall.update(INDEX, allowAll);
    expect(await waitFor(() => at.vm.echoes("four"), 10_000)).toBe(true);
  });

  it("stops what is already on its way to the VM", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([], [rule("::/0")], { egressDefault: "allow" }));
    const { publicIpv6 } = at.lab.guest(INDEX);
    expect(await at.lab.internet.opens("in", tcp(publicIpv6, 22))).toBe(true);
    expect(await at.lab.internet.reaches(udp(publicIpv6, 22))).toBe(true);
    expect(await at.vm.heard()).toHaveLength(1);
    await at.firewall.update(INDEX, allowAll);
    const before = await at.firewall.report(INDEX);
    expect(await at.lab.internet.echoes("in")).toBe(false);
    expect(await at.lab.internet.reaches(udp(publicIpv6, 22))).toBe(false);
    expect(await at.vm.heard()).toEqual([]);
    const after = await at.firewall.report(INDEX);
    expect(after?.dropped.packets).toBeGreaterThan(before?.dropped.packets ?? Infinity);
    expect(after?.defaults.ingress.packets).toBeGreaterThanOrEqual(2);
  });

  it("lets no new connection through from the moment it is in force", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), allowAll);
    let isInForce = false;
    const after: boolean[] = [];
    const stream = (async () => {
      for (let round = 0; round < 500 && after.length < 5; round++) {
        const began = isInForce;
        const reached = await at.vm.reaches({ ...tcp(SITE4), timeoutMs: 100 });
        if (began) after.push(reached);
      }
    })();
    await sleep(50);
    await at.firewall.update(INDEX, policy([]));
    isInForce = true;
    await stream;
    expect(after).toEqual([false, false, false, false, false]);
  });

  it("takes everything from a VM that is detached", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), allowAll);
    expect(await at.vm.opens("open", tcp(SITE4))).toBe(true);
    await at.firewall.detach(INDEX);
    expect(await at.vm.echoes("open")).toBe(false);
    expect(await at.vm.reaches(udp(SITE4))).toBe(false);
    expect(await at.firewall.report(INDEX)).toBeUndefined();
    await at.firewall.detach(INDEX);
  });
});

describe("a daemon's restart", () => {
  it("changes nothing for VMs that run on, in counts, flows and learned addresses, and forgets others", async () => {
    const held = policy([rule(NAME)]);
    await at.firewall.attach(at.lab.guest(INDEX), held);
    await at.firewall.attach(at.lab.guest(999), policy([rule("gone.example.test")]));
    await at.lab.inVm(INDEX, "tc qdisc add dev uplink root tbf rate 1mbit burst 20k limit 20k");
    await at.firewall.learn(INDEX, learned(SITE4, 60));
    expect(await at.vm.opens("open", tcp(SITE4))).toBe(true);
    const before = await at.firewall.report(INDEX);
    await at.firewall.close({ keep: true });
    expect(await at.vm.echoes("open")).toBe(true);

    const shell = new CommandShell(at.lab.shell.prefix);
    at.firewall = await at.open(shell);
    expect(await at.vm.echoes("open")).toBe(true);
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(false);
    await at.firewall.restore([{ guest: at.lab.guest(INDEX), policy: held }]);
    expect(await at.vm.echoes("open")).toBe(true);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(false);
    expect((await at.firewall.report(INDEX))?.traffic.sent.packets).toBeGreaterThan(
      before?.traffic.sent.packets ?? Infinity,
    );
    const table = await at.nft(`list table ${TABLE}`);
    expect(table).not.toContain("vm999_");
    expect(await at.lab.inVm(INDEX, "tc qdisc show dev uplink")).not.toContain("tbf");
    expect(table).not.toContain('"fv-999"');
    // What the earlier daemon had learned, this one puts back too.
    await at.nft("flush ruleset");
    expect(await waitFor(() => at.errors.length > 0, 15_000)).toBe(true);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
  });

  it("closes a VM whose policy cannot be kept, and no other", async () => {
    const wrong = policy([rule("10.0.0.0/99")], [], { egressDefault: "allow" });
    await at.firewall.restore([
      { guest: at.lab.guest(998), policy: allowAll },
      { guest: at.lab.guest(INDEX), policy: wrong },
    ]);
    expect(String(at.errors[0])).toContain(`index ${INDEX}`);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(false);
    expect(await at.nft(`list chain ${TABLE} vm998_egress`)).toContain("accept");
    await at.firewall.update(INDEX, allowAll);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
  });

  it("takes over a table that another version left", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([]));
    // Or it would put back what it did not write.
    await at.firewall.close({ keep: true });
    await at.nft(
      `add chain ${TABLE} former; add rule ${TABLE} former drop; insert rule ${TABLE} from_guest goto former`,
    );
    at.firewall = await at.open();
    await at.firewall.restore([{ guest: at.lab.guest(INDEX), policy: allowAll }]);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
    expect(await at.nft(`list table ${TABLE}`)).not.toContain("former");
    expect(at.errors).toEqual([]);
  });

  it("makes a table anew that it cannot change", async () => {
    await at.firewall.close({ keep: false });
    await at.nft(`add table ${TABLE}; add set ${TABLE} egress_of { type ipv4_addr; }`);
    at.firewall = await at.open();
    await at.firewall.restore([{ guest: at.lab.guest(INDEX), policy: allowAll }]);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
  });
});
