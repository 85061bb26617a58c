/** The resolver when those whom it asks fail, and those who ask it mean harm. */
import { TRUNCATED_RESPONSE } from "dns-packet";
import { describe, expect, test } from "vitest";
import { ask, exchange, exchangeTcp, queryFor, read } from "../testing/dns-client.ts";
import { DnsUpstream, responseTo, type UpstreamReply } from "../testing/dns-upstream.ts";
import {
  a,
  answers,
  OK,
  SERVER_FAILURE,
  NOT_IMPLEMENTED,
  publicZone,
  scene,
  TestGuest,
  use,
} from "../testing/resolver-scene.ts";

describe("upstreams", () => {
  test("the next is asked when one is silent, and again first the next time", async () => {
    const silent = use(await DnsUpstream.start(() => "silence"));
    const good = use(await DnsUpstream.start(publicZone));
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
    const good = use(await DnsUpstream.start(publicZone));
    const { port } = await scene(publicZone, { upstreams: [address, good.address], upstreamTimeoutMs: 4000 });
    const startMs = performance.now();
    expect((await ask(port, "one.test")).rcode).toBe(OK);
    expect(performance.now() - startMs).toBeLessThan(3500);
  });

  test.each<[string, UpstreamReply]>([
    ["refuses", { rcode: 5 }],
    ["fails", { rcode: 2 }],
  ])("the next is asked when one %s", async (_what, reply) => {
    const bad = use(await DnsUpstream.start(() => reply));
    const good = use(await DnsUpstream.start(publicZone));
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
