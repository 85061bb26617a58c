import { expect, test } from "vitest";
import type { VmId } from "./model/ids.ts";
import { parseServiceLabel, parseVmHex, serviceHostname, servicePath } from "./service-address.ts";

const VM = "01234567-89ab-4cde-8f01-23456789abcd" as VmId;
const HEX = "0123456789ab4cde8f0123456789abcd";
const LONGEST = "a".repeat(29);

test("a service's longest name fits one DNS label with the VM's id", () => {
  const hostname = serviceHostname({ vmId: VM, service: LONGEST }, "example.com");
  expect(hostname).toBe(`${LONGEST}--${HEX}.proxy.example.com`);
  expect(hostname.split(".")[0]).toHaveLength(63);
});

test("what is made of an address is read as that address", () => {
  const address = { vmId: VM, service: "web-2" };
  expect(parseServiceLabel(serviceHostname(address, "x").split(".")[0] ?? "")).toEqual(address);
  expect(servicePath(address)).toBe(`/proxy/${HEX}/web-2/`);
  expect(parseVmHex(HEX.toUpperCase())).toBe(VM);
});

test.each([
  "",
  HEX,
  `--${HEX}`,
  `web-${HEX}`,
  `-a--${HEX}`,
  `a---${HEX}`,
  `WEB--${HEX}`,
  `web--${HEX}0`,
  "web--0",
])("%j names no service", (label) => {
  expect(parseServiceLabel(label)).toBeUndefined();
});

test.each(["", VM, HEX.slice(1), `${HEX}0`, "g".repeat(32)])("%j is no id of a VM", (text) => {
  expect(parseVmHex(text)).toBeUndefined();
});
