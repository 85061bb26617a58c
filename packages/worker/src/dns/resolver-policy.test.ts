/** What the resolver makes of a guest's policy, and of what its host guards. */
import { describe, expect, test } from "vitest";
import { ask, exchange, exchangeTcp, queryFor, read } from "../testing/dns-client.ts";
import { DnsUpstream, type Zone } from "../testing/dns-upstream.ts";
import {
  a,
  aaaa,
  alias,
  answers,
  allow,
  deny,
  EVERYTHING,
  OK,
  SERVER_FAILURE,
  NO_SUCH_NAME,
  publicZone,
  scene,
  TestGuest,
  use,
} from "../testing/resolver-scene.ts";

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
    const own = use(await DnsUpstream.start(elsewhere));
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
    const own = use(await DnsUpstream.start(elsewhere));
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
