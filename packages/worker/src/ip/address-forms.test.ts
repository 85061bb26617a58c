import { isIPv6 } from "node:net";
import { expect, test } from "vitest";
import { contains, formatNetwork, parseAddress, parseNetwork } from "./ip-network.ts";
import { otherAddresses, otherForms } from "./address-forms.ts";

const formsOf = (text: string): readonly string[] => {
  const network = parseNetwork(text);
  return network === undefined ? ["no network"] : otherForms(network).map(formatNetwork);
};

test.each([
  ["192.0.2.1", ["64:ff9b:0:0:0:0:c000:201/128", "2002:c000:201:0:0:0:0:0/48"]],
  ["10.0.0.0/8", ["64:ff9b:0:0:0:0:a00:0/104", "2002:a00:0:0:0:0:0:0/24"]],
  ["0.0.0.0/0", ["64:ff9b:0:0:0:0:0:0/96", "2002:0:0:0:0:0:0:0/16"]],
  ["2001:db8::/32", []],
])("%s is also %j", (text, expected) => {
  expect(formsOf(text)).toEqual(expected);
});

test("a form holds what is written in it", () => {
  const [nat64, sixToFour] = otherForms(parseNetwork("203.0.113.0/24") ?? fail());
  const has = (form: typeof nat64, text: string) =>
    form !== undefined && contains(form, parseAddress(text) ?? fail());
  expect(has(nat64, "64:ff9b::203.0.113.7")).toBe(true);
  expect(has(nat64, "64:ff9b::203.0.114.7")).toBe(false);
  expect(has(sixToFour, "2002:cb00:7107:ffff:ffff:ffff:ffff:ffff")).toBe(true);
  expect(has(sixToFour, "2002:cb00:7207::1")).toBe(false);
});

test("an address has the forms that are one address", () => {
  expect(otherAddresses("8.8.8.8")).toEqual(["64:ff9b:0:0:0:0:808:808"]);
  expect(otherAddresses("8.8.8.8").every(isIPv6)).toBe(true);
  expect(otherAddresses("2001:db8::1")).toEqual([]);
  expect(otherAddresses("8.8.8.0/24")).toEqual([]);
  expect(otherAddresses("nonsense")).toEqual([]);
});

function fail(): never {
  throw new Error("no address");
}
