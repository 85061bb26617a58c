/** The resolver over real sockets, against name servers of the test's own. */
import { type Answer } from "dns-packet";
import { describe, expect, test } from "vitest";
import { ask } from "../testing/dns-client.ts";
import { type Zone } from "../testing/dns-upstream.ts";
import {
  a,
  alias,
  answers,
  deny,
  OK,
  NO_SUCH_NAME,
  publicZone,
  scene,
  TestGuest,
} from "../testing/resolver-scene.ts";
import { Resolver } from "./resolver.ts";

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
