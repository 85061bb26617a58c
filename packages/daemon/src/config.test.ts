import { describe, expect, test } from "vitest";
import { DEFAULT_PORT, readConfig } from "./config.ts";

describe("readConfig", () => {
  test("takes flags before the environment, and the environment before the defaults", () => {
    const env = { FASTVM_PORT: "9000", FASTVM_HOST: "::1", FASTVM_POOL_SIZE: "0" };
    expect(readConfig({ port: 9001 }, env)).toMatchObject({ port: 9001, host: "::1", poolSize: 0 });
    expect(readConfig({}, env).port).toBe(9000);
    expect(readConfig({}, { FASTVM_PORT: "" }).port).toBe(DEFAULT_PORT);
  });

  test.each(["0", "65535"])("takes the port %s, an end of what there is", (port) => {
    expect(readConfig({}, { FASTVM_PORT: port }).port).toBe(Number(port));
  });

  test.each(["65536", "-1", "80.5", "http", "0x50", "8e3", " ", "99999999999999999999"])(
    "refuses the port %j and says what would do",
    (port) => {
      expect(() => readConfig({}, { FASTVM_PORT: port })).toThrow(
        `FASTVM_PORT must be a whole number from 0 to 65535, not "${port}"`,
      );
    },
  );

  test("takes a certificate with its key, from flags or the environment", () => {
    expect(readConfig({}, {}).tls).toBeUndefined();
    const tls = { cert: "/etc/fastvm/cert.pem", key: "/etc/fastvm/key.pem" };
    expect(readConfig({ tlsCert: tls.cert, tlsKey: tls.key }, {}).tls).toEqual(tls);
    expect(readConfig({ tlsCert: tls.cert }, { FASTVM_TLS_KEY: tls.key }).tls).toEqual(tls);
  });

  test("refuses one without the other, and names what is missing", () => {
    expect(() => readConfig({ tlsCert: "/x" }, {})).toThrow("there is a certificate but no key");
    expect(() => readConfig({}, { FASTVM_TLS_KEY: "/x" })).toThrow("there is a key but no certificate");
  });

  test("takes a public URL that is the root of a host, and nothing else", () => {
    const of = (publicUrl: string): string | undefined => readConfig({ publicUrl }, {}).publicUrl;
    expect(of("https://FastVM.example.com/")).toBe("https://fastvm.example.com");
    expect(of("http://[2001:DB8::1]:8800")).toBe("http://[2001:db8::1]:8800");
    for (const url of [
      "fastvm.example.com",
      "ftp://x",
      "https://x/api",
      "https://u@x",
      "https://x?y",
      "http://x#y",
    ]) {
      expect(() => of(url)).toThrow("The public URL is http or https, a host and perhaps a port");
    }
  });

  test("has path URLs unless told otherwise, and refuses to guess", () => {
    expect(readConfig({}, {}).pathUrls).toBe(true);
    expect(readConfig({}, { FASTVM_PATH_URLS: "off" }).pathUrls).toBe(false);
    expect(readConfig({ pathUrls: "on" }, { FASTVM_PATH_URLS: "off" }).pathUrls).toBe(true);
    expect(() => readConfig({ pathUrls: "no" }, {})).toThrow(/"on" or "off", not "no"/);
  });

  test("takes nameservers, from flags or the environment, and refuses what is no address", () => {
    expect(readConfig({}, {}).nameservers).toBeUndefined();
    const flags = { nameserver: ["192.0.2.53", "[2001:db8::53]:5353"] };
    expect(readConfig(flags, { FASTVM_NAMESERVERS: "192.0.2.1" }).nameservers).toEqual(flags.nameserver);
    const env = { FASTVM_NAMESERVERS: " 192.0.2.1:5300, 2001:db8::1 " };
    expect(readConfig({}, env).nameservers).toEqual(["192.0.2.1:5300", "2001:db8::1"]);
    expect(() => readConfig({ nameserver: ["dns.example.com"] }, {})).toThrow('not "dns.example.com"');
  });

  test("refuses a variable that nobody reads and that looks like one of ours", () => {
    for (const [name, meant] of [
      ["FASTVM_NETWOK", "FASTVM_NETWORK"],
      ["FASTVM_NAMESERVER", "FASTVM_NAMESERVERS"],
      ["FASTVM_TLSCERT", "FASTVM_TLS_CERT"],
    ] as const) {
      expect(() => readConfig({}, { [name]: "x" })).toThrow(`${name} is not known: did you mean ${meant}?`);
    }
    const others = {
      FASTVM_API_KEY: "x",
      FASTVM_BASE_URL: "x",
      FASTVM_ROOT: "x",
      FASTVM_NETWOK: "",
      NETWOK: "x",
    };
    expect(readConfig({ host: "::1", network: "none" }, { ...others, FASTVM_HOST: "h" }).host).toBe("::1");
  });

  test("bounds the cache and what is kept ready, by flag, environment and default", () => {
    const env = { FASTVM_CACHE_GIB: "30", FASTVM_POOL_MEMORY_MIB: "0" };
    expect(readConfig({}, env)).toMatchObject({ cacheGib: 30, poolMemoryMib: 0 });
    expect(readConfig({ cacheGib: 1, poolMemoryMib: 2 }, env)).toMatchObject({
      cacheGib: 1,
      poolMemoryMib: 2,
    });
    expect(readConfig({}, {})).toMatchObject({ cacheGib: undefined, poolMemoryMib: 600, poolMaxSize: 8 });
  });

  test("refuses a pool size that is no number", () => {
    expect(() => readConfig({}, { FASTVM_POOL_SIZE: "two" })).toThrow(
      'FASTVM_POOL_SIZE must be a whole number, not "two"',
    );
  });
});
