/**
 * Addresses and networks as numbers. Text of a client becomes a number here before it
 * becomes text again, so nothing but digits of ours ever reaches the kernel's tools.
 */
import { isIP } from "node:net";

export type Family = 4 | 6;

export interface IpAddress {
  readonly family: Family;
  readonly bits: bigint;
}

/** Every address from `first` to `last`, which share `prefixLength` bits. */
export interface IpNetwork {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  readonly prefixLength: number;
}

const WIDTH: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** `undefined` for what is no address, and for one with a zone: it means something on one host only. */
export function parseAddress(text: string): IpAddress | undefined {
  const family = isIP(text);
  if (family === 4) return { family, bits: ipv4Bits(text) };
  if (family === 6 && !text.includes("%")) return { family, bits: ipv6Bits(text) };
  return undefined;
}

/** Bits beyond the prefix are set to zero; a lone address is a network of one. `undefined` for anything else. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [addressText = "", lengthText, ...rest] = text.split("/");
  const address = parseAddress(addressText);
  if (address === undefined || rest.length > 0) return undefined;
  const width = WIDTH[address.family];
  if (lengthText !== undefined && !/^\d{1,3}$/.test(lengthText)) return undefined;
  const prefixLength = lengthText === undefined ? width : Number(lengthText);
  if (prefixLength > width) return undefined;
  const hostBits = BigInt(width - prefixLength);
  const first = (address.bits >> hostBits) << hostBits;
  return { family: address.family, first, last: first | ((1n << hostBits) - 1n), prefixLength };
}

export function formatAddress({ family, bits }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join(".");
  const groups = bits.toString(16).padStart(32, "0").match(/.{4}/g) ?? [];
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}

export function formatNetwork({ family, first, prefixLength }: IpNetwork): string {
  return `${formatAddress({ family, bits: first })}/${prefixLength}`;
}

export function isSingleAddress({ first, last }: IpNetwork): boolean {
  return first === last;
}

export function contains(outer: IpNetwork, { family, bits }: IpAddress): boolean {
  return outer.family === family && outer.first <= bits && bits <= outer.last;
}

export function containsNetwork(outer: IpNetwork, inner: IpNetwork): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** What is left of a range, as `first-last` texts, when another is taken out of it. */
export function rangesWithout(range: IpNetwork, hole: IpNetwork): readonly string[] {
  const { family, first, last } = range;
  if (family !== hole.family || hole.last < first || last < hole.first) return [formatRange(range)];
  const below = { family, first, last: hole.first - 1n };
  const above = { family, first: hole.last + 1n, last };
  return [below, above].filter((part) => part.first <= part.last).map(formatRange);
}

function formatRange({ family, first, last }: Pick<IpNetwork, "family" | "first" | "last">): string {
  return `${formatAddress({ family, bits: first })}-${formatAddress({ family, bits: last })}`;
}

function ipv4Bits(text: string): bigint {
  return text.split(".").reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n);
}

function ipv6Bits(text: string): bigint {
  const [head = "", tail] = withoutDottedEnd(text).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** `::ffff:192.0.2.1` is another way to write `::ffff:c000:201`. */
function withoutDottedEnd(text: string): string {
  if (!text.includes(".")) return text;
  const at = text.lastIndexOf(":") + 1;
  const bits = ipv4Bits(text.slice(at));
  return `${text.slice(0, at)}${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`;
}

export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}
