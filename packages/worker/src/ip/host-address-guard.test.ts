import { expect, test } from "vitest";
import { HostAddressGuard } from "./host-address-guard.ts";

const addresses = async (guard: HostAddressGuard, host: string) =>
  (await guard.addressesOf(host)).map(({ address }) => address);

test.each([
  "127.0.0.1",
  "10.0.0.1",
  "169.254.169.254",
  "0.0.0.0",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "[fd00::1]",
  "localhost",
])("%s is guarded", async (host) => {
  expect(await addresses(new HostAddressGuard([]), host)).toEqual([]);
});

test.each(["192.0.2.7", "8.8.8.8", "[2001:4860::8888]"])("%s is anybody's", async (host) => {
  expect(await addresses(new HostAddressGuard([]), host)).toEqual([host.replaceAll(/[[\]]/g, "")]);
});

test("the operator opens networks, and nothing beside them", async () => {
  const guard = new HostAddressGuard(["10.1.0.0/16", "::1"]);
  expect(await addresses(guard, "10.1.2.3")).toEqual(["10.1.2.3"]);
  expect(await addresses(guard, "[::1]")).toEqual(["::1"]);
  expect(await addresses(guard, "10.2.0.1")).toEqual([]);
  expect(await addresses(guard, "[::ffff:10.1.2.3]")).toEqual([]);
});

test("a name that means nothing is no guarded one", async () => {
  await expect(new HostAddressGuard([]).addressesOf("nothing.invalid")).rejects.toMatchObject({
    syscall: "getaddrinfo",
  });
});

test("what is no network is refused", () => {
  expect(() => new HostAddressGuard(["10.0.0.0/33"])).toThrow("10.0.0.0/33");
});
