/** The resolver over real sockets, against name servers of the test's own. */
import type { DnsPolicy } from "@fastvm/contract";
import { type Answer, TRUNCATED_RESPONSE } from "dns-packet";
import { afterEach, describe, expect, test } from "vitest";
import { ask, exchange, exchangeTcp, queryFor, read } from "../testing/dns-client.ts";
import { DnsUpstream, responseTo, type UpstreamReply, type Zone } from "../testing/dns-upstream.ts";
import type { DnsGuest, DnsService, LearnedAddress } from "./guest-port.ts";
import { Resolver, type ResolverOptions } from "./resolver.ts";

const OK = 0;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;
const NOT_IMPLEMENTED = 4;

const EVERYTHING: DnsPolicy = { mode: "deny", domains: [], blockBypass: false };
const allow = (...domains: string[]): DnsPolicy => ({ mode: "allow", domains, blockBypass: false });
const deny = (...domains: string[]): DnsPolicy => ({ mode: "deny", domains, blockBypass: false });

const a = (name: string, data: string, ttl = 300): Answer => ({ name, type: "A", data, ttl });
const aaaa = (name: string, data: string, ttl = 300): Answer => ({ name, type: "AAAA", data, ttl });
const alias = (name: string, data: string, ttl = 300): Answer => ({ name, type: "CNAME", data, ttl });
const answers = (...list: Answer[]): UpstreamReply => ({ answers: list });

class TestGuest implements DnsGuest {
  policyNow = EVERYTHING;
  readonly reachable = new Set<string>();
  readonly learned: LearnedAddress[] = [];
  learning: () => Promise<void> = () => Promise.resolve();

  policy(): DnsPolicy {
    return this.policyNow;
  }

  allowsAddress(address: string): boolean {
    return this.reachable.has(address);
  }

  async learn(entries: readonly LearnedAddress[]): Promise<void> {
    await this.learning();
    this.learned.push(...entries);
  }
}

let disposables = new AsyncDisposableStack();
afterEach(async () => {
  await disposables.disposeAsync();
  disposables = new AsyncDisposableStack();
});

interface Scene {
  readonly upstream: DnsUpstream;
  readonly resolver: Resolver;
  readonly guest: TestGuest;
  readonly service: DnsService;
  readonly port: number;
}

async function scene(zone: Zone, options: ResolverOptions = {}): Promise<Scene> {
  const upstream = disposables.use(await DnsUpstream.start(zone));
  const resolver = disposables.use(Resolver.open({ upstreams: [upstream.address], ...options }));
  const guest = new TestGuest();
  const service = await resolver.serve({ address: "127.0.0.1", port: 0, guest });
  return { upstream, resolver, guest, service, port: service.port };
}

const publicZone: Zone = ({ name, type }) =>
  type === "AAAA" ? answers(aaaa(name, "2001:db8::5")) : answers(a(name, "93.184.216.34"));

describe("answers", () => {
  test("A and AAAA, with the id and the name as asked", async () => {
    const { port, service } = await scene(publicZone);
    const reply = await ask(port, "WwW.Example.COM", { id: 77 });
    expect(reply.data).toEqual(["93.184.216.34"]);
    expect(reply.packet).toMatchObject({ id: 77, flag_ra: true, questions: [{ name: "WwW.Example.COM" }] });
    expect((await ask(port, "www.example.com", { type: "AAAA" })).data).toEqual(["2001:db8::5"]);
    expect(service.counts()).toEqual({ answered: 2, refused: 0, filtered: 0, limited: 0, failed: 0 });
  });

  test("aliases come with what they lead to", async () => {
    const { port } = await scene(({ name }) =>
      answers(
        alias(name, "edge.cdn.test"),
        alias("edge.cdn.test", "node7.cdn.test"),
        a("node7.cdn.test", "93.184.216.34"),
        a("node7.cdn.test", "93.184.216.35"),
      ),
    );
    const { packet, data } = await ask(port, "www.example.com");
    expect(data).toEqual(["edge.cdn.test", "node7.cdn.test", "93.184.216.34", "93.184.216.35"]);
    expect(packet.answers?.map((record) => record.name)).toEqual([
      "www.example.com",
      "edge.cdn.test",
      "node7.cdn.test",
      "node7.cdn.test",
    ]);
  });

  test.each<Answer>([
    { name: "example.com", type: "MX", ttl: 60, data: { preference: 5, exchange: "mail.example.com" } },
    {
      name: "example.com",
      type: "TXT",
      ttl: 60,
      data: [Buffer.from("v=spf1 -all"), Buffer.from([0, 255, 46])],
    },
    { name: "example.com", type: "NS", ttl: 60, data: "ns1.example.net" },
    {
      name: "example.com",
      type: "SRV",
      ttl: 60,
      data: { priority: 1, weight: 2, port: 443, target: "s.example.com" },
    },
    {
      name: "example.com",
      type: "CAA",
      ttl: 60,
      data: { flags: 128, tag: "issue", value: "ca.example", issuerCritical: true },
    },
  ])("$type records pass through", async (record) => {
    const { port } = await scene(() => answers(record));
    const reply = await ask(port, "example.com", { type: record.type });
    expect(reply.data).toEqual(["data" in record ? record.data : undefined]);
  });

  test("nothing beside the chain and the type asked for is passed on", async () => {
    const { port, guest } = await scene(({ name }) => ({
      answers: [
        a("other.example.com", "6.6.6.6"),
        { name, type: "TXT", data: "no", ttl: 60 },
        a(name, "93.184.216.34"),
      ],
      authorities: [{ name: "com", type: "NS", data: "ns.evil.test", ttl: 60 }],
    }));
    const { packet } = await ask(port, "www.example.com");
    expect(packet.answers).toMatchObject([{ name: "www.example.com", data: "93.184.216.34" }]);
    expect(packet.authorities).toEqual([]);
    expect(guest.learned.map((entry) => entry.address)).toEqual(["93.184.216.34"]);
  });

  test("that there is no such name, with the zone's record", async () => {
    const soa: Answer = {
      name: "example.com",
      type: "SOA",
      ttl: 900,
      data: {
        mname: "ns.example.com",
        rname: "h.example.com",
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 30,
      },
    };
    const { port, upstream } = await scene(() => ({ rcode: 3, authorities: [soa] }));
    const reply = await ask(port, "none.example.com");
    expect(reply.rcode).toBe(NO_SUCH_NAME);
    expect(reply.packet.authorities).toMatchObject([{ type: "SOA", name: "example.com", ttl: 30 }]);
    expect((await ask(port, "none.example.com")).rcode).toBe(NO_SUCH_NAME);
    expect(upstream.asked).toHaveLength(1);
  });

  test("that are known come from the cache, under the policy of now", async () => {
    const { port, guest, resolver, upstream } = await scene(publicZone);
    await ask(port, "www.example.com");
    expect((await ask(port, "WWW.example.com")).data).toEqual(["93.184.216.34"]);
    guest.policyNow = deny("*.example.com");
    expect((await ask(port, "www.example.com")).rcode).toBe(NO_SUCH_NAME);
    expect(upstream.asked).toHaveLength(1);
    expect(resolver.totals().lookup).toMatchObject({ hits: 1, misses: 1, entries: 1 });
  });

  test("to one VM tell nothing of what another asked for: neither by their time to live nor by whom they come from", async () => {
    const { port, resolver, upstream } = await scene(publicZone);
    const guest = new TestGuest();
    const other = await resolver.serve({ address: "127.0.0.1", port: 0, guest });
    await ask(port, "www.example.com");
    const left = async (): Promise<number> => (await ask(port, "www.example.com")).ttls[0] ?? 0;
    await expect.poll(left, { timeout: 10_000 }).toBeLessThan(300);
    expect((await ask(other.port, "www.example.com")).ttls).toEqual([300]);
    expect(upstream.asked).toHaveLength(2);
    expect(resolver.totals().lookup).toMatchObject({ misses: 2, entries: 2 });
    await other.close();
    expect(resolver.totals().lookup).toMatchObject({ misses: 2, entries: 1 });
  });

  test("that are under way for one VM are not waited for by another", async () => {
    const release = Promise.withResolvers<void>();
    const { port, resolver, upstream } = await scene(async ({ name }) => {
      if (upstream.asked.length === 1) await release.promise;
      return answers(a(name, "93.184.216.34"));
    });
    const guest = new TestGuest();
    const other = await resolver.serve({ address: "127.0.0.1", port: 0, guest });
    const first = ask(port, "www.example.com");
    await expect.poll(() => upstream.asked.length, { timeout: 5000 }).toBe(1);
    expect((await ask(other.port, "www.example.com")).rcode).toBe(OK);
    release.resolve();
    expect((await first).rcode).toBe(OK);
  });

  test("a question that is under way is not asked again", async () => {
    const release = Promise.withResolvers<void>();
    const { port, upstream } = await scene(async ({ name }) => {
      await release.promise;
      return answers(a(name, "93.184.216.34"));
    });
    const replies = [1, 2, 3, 4, 5].map((id) => ask(port, "www.example.com", { id }));
    await expect.poll(() => upstream.asked.length, { timeout: 5000 }).toBe(1);
    release.resolve();
    for (const reply of await Promise.all(replies)) expect(reply.data).toEqual(["93.184.216.34"]);
    expect(upstream.asked).toHaveLength(1);
  });
});

describe("a policy", () => {
  test("that allows a list keeps all other names from the upstream", async () => {
    const { port, guest, upstream, service } = await scene(publicZone);
    guest.policyNow = allow("example.com", "*.example.org");
    for (const name of ["example.com", "a.example.org", "a.b.example.org"]) {
      expect((await ask(port, name)).rcode).toBe(OK);
    }
    for (const name of ["www.example.com", "example.org", "secret.evil.test", "notexample.com", "."]) {
      expect((await ask(port, name)).rcode).toBe(NO_SUCH_NAME);
    }
    expect(upstream.asked.map(({ name }) => name)).toEqual([
      "example.com",
      "a.example.org",
      "a.b.example.org",
    ]);
    expect(service.counts()).toMatchObject({ answered: 3, refused: 5 });
  });

  test("that denies a list does so for other types and by TCP too", async () => {
    const { port, guest } = await scene(publicZone);
    guest.policyNow = deny("evil.test");
    expect((await ask(port, "EVIL.test", { type: "TXT" })).rcode).toBe(NO_SUCH_NAME);
    const [answer] = await exchangeTcp(port, [queryFor("evil.test")]);
    expect(answer && read(answer).rcode).toBe(NO_SUCH_NAME);
    expect((await ask(port, "good.test")).rcode).toBe(OK);
  });

  test("that denies a name refuses aliases of it", async () => {
    const { port, guest } = await scene(({ name }) =>
      answers(alias(name, "x.Tracker.test"), alias("x.tracker.test", "z.test"), a("z.test", "93.184.216.34")),
    );
    guest.policyNow = deny("*.tracker.test");
    expect(await ask(port, "metrics.example.com")).toMatchObject({ rcode: NO_SUCH_NAME, data: [] });
    expect(guest.learned).toEqual([]);
  });

  test("holds for a question that was under way when it came", async () => {
    const release = Promise.withResolvers<void>();
    const { port, guest, upstream } = await scene(async ({ name }) => {
      await release.promise;
      return answers(a(name, "93.184.216.34"));
    });
    const reply = ask(port, "www.example.com");
    await expect.poll(() => upstream.asked.length, { timeout: 5000 }).toBe(1);
    guest.policyNow = deny("www.example.com");
    release.resolve();
    expect(await reply).toMatchObject({ rcode: NO_SUCH_NAME, data: [] });
  });

  test("a label that holds a dot does not pass for two", async () => {
    const { port, guest, upstream } = await scene(publicZone);
    guest.policyNow = allow("a.example.com");
    const honest = queryFor("a.example.com");
    // The same bytes, but for the length of the first label: "a.example" and "com".
    const crafted = Buffer.from(honest);
    crafted[12] = 9;
    crafted[14] = ".".charCodeAt(0);
    expect(read(await exchange(port, crafted)).rcode).toBe(NO_SUCH_NAME);
    expect(upstream.asked).toEqual([]);
  });
});

describe("guarded addresses", () => {
  test.each(["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0"])(
    "%s is taken out",
    async (address) => {
      const { port, guest, service } = await scene(({ name }) => answers(a(name, address)));
      expect(await ask(port, "rebind.test")).toMatchObject({ rcode: OK, data: [] });
      expect(guest.learned).toEqual([]);
      expect(service.counts()).toMatchObject({ filtered: 1, answered: 0 });
    },
  );

  test.each(["::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"])(
    "%s is taken out",
    async (address) => {
      const { port } = await scene(({ name }) => answers(aaaa(name, address)));
      expect((await ask(port, "rebind.test", { type: "AAAA" })).data).toEqual([]);
    },
  );

  test("stay away from the others", async () => {
    const { port, guest } = await scene(({ name }) => answers(a(name, "10.0.0.1"), a(name, "93.184.216.34")));
    expect((await ask(port, "mixed.test")).data).toEqual(["93.184.216.34"]);
    expect(guest.learned.map((entry) => entry.address)).toEqual(["93.184.216.34"]);
  });

  test("are told to a VM whose rules name them, and to no other", async () => {
    const { port, guest, resolver } = await scene(({ name }) => answers(a(name, "10.1.2.3")));
    guest.reachable.add("10.1.2.3");
    expect((await ask(port, "db.corp.test")).data).toEqual(["10.1.2.3"]);
    const { port: otherPort } = await resolver.serve({
      address: "127.0.0.1",
      port: 0,
      guest: new TestGuest(),
    });
    expect((await ask(otherPort, "db.corp.test")).data).toEqual([]);
  });

  test("are told to a VM whose policy asks for them, as its own name servers have them", async () => {
    const { port, guest } = await scene(({ name }) => answers(a(name, "10.1.2.3")));
    guest.policyNow = { ...EVERYTHING, allowsRebinding: true };
    expect((await ask(port, "db.corp.test")).data).toEqual(["10.1.2.3"]);
  });

  test("cannot hide in hints: HTTPS, SVCB and ANY have no data", async () => {
    const { port, upstream } = await scene(publicZone);
    for (const type of [64, 65, 255]) {
      const query = queryFor("www.example.com");
      query.writeUInt16BE(type, query.length - 4);
      expect(read(await exchange(port, query))).toMatchObject({ rcode: OK, data: [] });
    }
    expect(upstream.asked).toEqual([]);
  });
});

describe("name servers of a policy", () => {
  const elsewhere: Zone = ({ name }) => answers(a(name, "93.184.216.99"));

  test("are asked in place of the host's, in their order, and what was learned of others is not told", async () => {
    const { port, guest, upstream } = await scene(publicZone);
    const own = disposables.use(await DnsUpstream.start(elsewhere));
    expect((await ask(port, "www.example.com")).data).toEqual(["93.184.216.34"]);
    guest.reachable.add("127.0.0.1");
    const closed = "127.0.0.1:9";
    guest.policyNow = { ...EVERYTHING, nameservers: [closed, own.address.replace("127.0.0.1", "localhost")] };
    expect((await ask(port, "www.example.com")).data).toEqual(["93.184.216.99"]);
    expect([own.asked.length, upstream.asked.length]).toEqual([1, 1]);
    guest.policyNow = EVERYTHING;
    expect((await ask(port, "www.example.com")).data).toEqual(["93.184.216.34"]);
  });

  test("are asked of nothing that the VM itself may not reach", async () => {
    const { port, guest } = await scene(publicZone);
    const own = disposables.use(await DnsUpstream.start(elsewhere));
    guest.policyNow = { ...EVERYTHING, nameservers: [own.address] };
    expect(await ask(port, "www.example.com")).toMatchObject({ rcode: SERVER_FAILURE });
    expect(own.asked).toEqual([]);
  });

  test("have the time that the policy gives them", async () => {
    const slow: Zone = async ({ name }) => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      return answers(a(name, "93.184.216.34"));
    };
    const { port, guest } = await scene(slow, { upstreamTimeoutMs: 200 });
    expect(await ask(port, "one.test")).toMatchObject({ rcode: SERVER_FAILURE });
    guest.policyNow = { ...EVERYTHING, queryTimeoutMs: 3000 };
    expect((await ask(port, "two.test")).data).toEqual(["93.184.216.34"]);
  });
});

describe("the firewall", () => {
  test("has learned the addresses, under all names of the chain, when the answer comes", async () => {
    const { port, guest } = await scene(({ name }) =>
      answers(alias(name, "cdn.test", 100), a("cdn.test", "93.184.216.34", 40)),
    );
    const learning = Promise.withResolvers<void>();
    guest.learning = () => learning.promise;
    let answered = false;
    const reply = ask(port, "www.example.com").finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    learning.resolve();
    expect((await reply).ttls).toEqual([40, 40]);
    expect(guest.learned).toEqual([
      { name: "www.example.com", address: "93.184.216.34", ttlSec: 42, isAlias: false },
      { name: "cdn.test", address: "93.184.216.34", ttlSec: 42, isAlias: true },
    ]);
  });

  test("that fails makes the answer fail, and the daemon hears of it", async () => {
    const errors: Error[] = [];
    const { port, guest, service } = await scene(publicZone, { onError: (error) => errors.push(error) });
    guest.learning = () => Promise.reject(new Error("no room"));
    expect((await ask(port, "www.example.com")).rcode).toBe(SERVER_FAILURE);
    expect(errors.map(({ message }) => message)).toEqual(["no room"]);
    expect(service.counts().failed).toBe(1);
  });

  test("that hangs does so for a bounded time", async () => {
    const { port, guest } = await scene(publicZone);
    guest.learning = () => new Promise(() => {});
    expect((await ask(port, "www.example.com")).rcode).toBe(SERVER_FAILURE);
  });
});

describe("names that stay here", () => {
  test.each(["localhost", "a.localhost", "printer.local", "x.onion", "1.0.0.10.in-addr.arpa"])(
    "%s",
    async (name) => {
      const { port, upstream } = await scene(publicZone);
      expect((await ask(port, name, { type: "PTR" })).rcode).toBe(NO_SUCH_NAME);
      expect(upstream.asked).toEqual([]);
    },
  );

  test("reverse names of public addresses are asked upstream", async () => {
    const { port } = await scene(({ name }) => answers({ name, type: "PTR", data: "dns.test", ttl: 60 }));
    expect((await ask(port, "8.8.8.8.in-addr.arpa", { type: "PTR" })).data).toEqual(["dns.test"]);
  });
});

describe("upstreams", () => {
  test("the next is asked when one is silent, and again first the next time", async () => {
    const silent = disposables.use(await DnsUpstream.start(() => "silence"));
    const good = disposables.use(await DnsUpstream.start(publicZone));
    const { port, resolver } = await scene(publicZone, {
      upstreams: [silent.address, good.address],
      upstreamTimeoutMs: 200,
    });
    expect((await ask(port, "one.test")).rcode).toBe(OK);
    expect((await ask(port, "two.test")).rcode).toBe(OK);
    expect([silent.asked.length, good.asked.length]).toEqual([1, 2]);
    expect(resolver.totals().upstream).toMatchObject({ count: 2, failures: 1 });
  });

  test("the next is asked at once when nobody listens", async () => {
    const gone = await DnsUpstream.start(publicZone);
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    const good = disposables.use(await DnsUpstream.start(publicZone));
    const { port } = await scene(publicZone, { upstreams: [address, good.address], upstreamTimeoutMs: 4000 });
    const startMs = performance.now();
    expect((await ask(port, "one.test")).rcode).toBe(OK);
    expect(performance.now() - startMs).toBeLessThan(3500);
  });

  test.each<[string, UpstreamReply]>([
    ["refuses", { rcode: 5 }],
    ["fails", { rcode: 2 }],
  ])("the next is asked when one %s", async (_what, reply) => {
    const bad = disposables.use(await DnsUpstream.start(() => reply));
    const good = disposables.use(await DnsUpstream.start(publicZone));
    const { port } = await scene(publicZone, { upstreams: [bad.address, good.address] });
    expect((await ask(port, "one.test")).data).toEqual(["93.184.216.34"]);
  });

  test("one that knows no EDNS is asked without", async () => {
    const { port } = await scene((question) =>
      question.edns ? { rcode: 1 } : answers(a(question.name, "93.184.216.34")),
    );
    expect((await ask(port, "old.test")).rcode).toBe(OK);
  });

  test("all silent: the guest is told so in time", async () => {
    const { port, service } = await scene(() => "silence", { upstreamTimeoutMs: 100 });
    expect((await ask(port, "one.test")).rcode).toBe(SERVER_FAILURE);
    expect(service.counts()).toMatchObject({ failed: 1, answered: 0 });
  });

  test("a large answer is fetched by TCP, and goes to the guest by TCP", async () => {
    const many = Array.from({ length: 200 }, (_, index) => a("big.test", `93.184.1.${index}`));
    const { port, upstream } = await scene(({ transport }) =>
      transport === "udp" ? { flags: TRUNCATED_RESPONSE } : answers(...many),
    );
    expect(await ask(port, "big.test")).toMatchObject({ truncated: true, data: [] });
    const [answer] = await exchangeTcp(port, [queryFor("big.test")]);
    // No client looks at more.
    expect(answer && read(answer).data).toHaveLength(32);
    expect(upstream.asked.map(({ transport }) => transport)).toEqual(["udp", "tcp"]);
  });

  test("forged answers are not believed: other id, other question, a question itself, garbage", async () => {
    const { port } = await scene((question) => ({
      messages: [
        responseTo({ ...question, id: question.id ^ 1 }, { answers: [a(question.name, "6.6.6.6")] }),
        responseTo({ ...question, name: "other.test" }, { answers: [a(question.name, "6.6.6.6")] }),
        queryFor(question.name, { id: question.id }),
        Buffer.from("garbage"),
        responseTo(question, { answers: [a(question.name, "93.184.216.34")] }),
      ],
    }));
    expect((await ask(port, "www.example.com")).data).toEqual(["93.184.216.34"]);
  });

  test("each question has an id and a port of its own", async () => {
    const { port, upstream } = await scene(publicZone);
    for (let index = 0; index < 20; index += 1) await ask(port, `n${index}.test`);
    // Among 20 of 65,536 (28,232 ports) one may come twice, three hardly ever.
    expect(new Set(upstream.asked.map(({ id }) => id)).size).toBeGreaterThan(17);
    expect(new Set(upstream.asked.map(({ fromPort }) => fromPort)).size).toBeGreaterThan(17);
  });
});

describe("hostile guests", () => {
  test("more questions than the rate get no answer and are counted", async () => {
    const { port, service, resolver } = await scene(publicZone, { rate: { perSecond: 0.001, burst: 2 } });
    await ask(port, "a.test");
    await ask(port, "a.test");
    await expect(exchange(port, queryFor("a.test"), 300)).rejects.toThrow("no answer");
    expect(service.counts()).toMatchObject({ answered: 2, limited: 1 });
    expect(resolver.totals().questions).toMatchObject({ answered: 2, limited: 1 });
  });

  test("questions under way are bounded for one VM, and leave room for another", async () => {
    const release = Promise.withResolvers<void>();
    const { port, service, resolver } = await scene(
      async ({ name }) => {
        if (name !== "free.test") await release.promise;
        return answers(a(name, "93.184.216.34"));
      },
      { upstreamTimeoutMs: 4000 },
    );
    const flood = Array.from({ length: 200 }, (_, index) => exchange(port, queryFor(`n${index}.test`), 3000));
    const settled = Promise.allSettled(flood);
    await expect.poll(() => service.counts().limited, { timeout: 5000 }).toBe(200 - 32);
    const { port: otherPort } = await resolver.serve({
      address: "127.0.0.1",
      port: 0,
      guest: new TestGuest(),
    });
    expect((await ask(otherPort, "free.test")).rcode).toBe(OK);
    release.resolve();
    expect((await settled).filter(({ status }) => status === "fulfilled")).toHaveLength(32);
  });

  test("headers that claim much are answered with a header", async () => {
    const { port, resolver } = await scene(publicZone);
    const hostile = Buffer.concat([Buffer.from("000101000001ffffffffffff", "hex"), Buffer.alloc(2)]);
    expect((await exchange(port, hostile)).toString("hex")).toBe("000181010000000000000000");
    expect(resolver.totals().questions.malformed).toBe(1);
  });

  test("other operations are not implemented, transfers neither", async () => {
    const { port } = await scene(publicZone);
    const update = queryFor("a.test");
    update.writeUInt16BE(5 << 11, 2);
    expect((await exchange(port, update)).readUInt16BE(2) & 0xf).toBe(NOT_IMPLEMENTED);
    expect((await ask(port, "a.test", { type: "AXFR" })).rcode).toBe(NOT_IMPLEMENTED);
  });

  test("answers that are sent to the resolver are not answered", async () => {
    const { port } = await scene(publicZone);
    const message = responseTo({ id: 1, name: "a.test", type: "A" }, {});
    await expect(exchange(port, message, 200)).rejects.toThrow("no answer");
  });
});

describe("sizes by UDP", () => {
  const zone: Zone = ({ name }) =>
    answers(...Array.from({ length: 40 }, (_, index) => a(name, `93.184.1.${index}`)));

  test("512 bytes for a guest without EDNS, more with it, 1232 at most", async () => {
    const { port } = await scene(zone);
    expect(await ask(port, "forty.test")).toMatchObject({ truncated: true, data: [] });
    const reply = await ask(port, "forty.test", { edns: 4096 });
    expect(reply.data).toHaveLength(32);
    expect(reply.packet.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232 }]);
    expect(await ask(port, "forty.test", { edns: 540 })).toMatchObject({ truncated: true });
  });

  test("twenty addresses fit without EDNS, as owners are not repeated", async () => {
    const { port } = await scene(({ name }) =>
      answers(...Array.from({ length: 20 }, (_, index) => a(name, `93.184.1.${index}`))),
    );
    const reply = await ask(port, "a-rather-long-name-of-a-service.region-1.provider.test");
    expect(reply.data).toHaveLength(20);
    expect(reply.bytes).toBeLessThanOrEqual(512);
  });
});

describe("closing", () => {
  test("frees the port and leaves other VMs theirs", async () => {
    const { port, service, resolver } = await scene(publicZone);
    const { port: otherPort } = await resolver.serve({
      address: "127.0.0.1",
      port: 0,
      guest: new TestGuest(),
    });
    await service.close();
    await service.close();
    await using again = await resolver.serve({ address: "127.0.0.1", port, guest: new TestGuest() });
    expect(again.port).toBe(port);
    expect((await ask(otherPort, "a.test")).rcode).toBe(OK);
  });

  test("an address that is taken is an error and leaves nothing bound", async () => {
    const { port, resolver } = await scene(publicZone);
    await expect(resolver.serve({ address: "127.0.0.1", port, guest: new TestGuest() })).rejects.toThrow(
      "EADDRINUSE",
    );
  });
});

test("upstreams that are no addresses are refused", () => {
  expect(() => Resolver.open({ upstreams: ["dns.example.com"] })).toThrow(TypeError);
  expect(() => Resolver.open({ upstreams: [] })).toThrow(TypeError);
});
