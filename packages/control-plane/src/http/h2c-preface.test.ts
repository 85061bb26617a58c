import { expect, test } from "vitest";
import { protocolOf } from "./h2c-preface.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

test("the whole preface, and more after it, is HTTP/2", () => {
  expect(protocolOf(Buffer.from(PREFACE))).toBe("http2");
  expect(protocolOf(Buffer.from(`${PREFACE}\0\0\0`))).toBe("http2");
});

test("every proper beginning of the preface is undecided", () => {
  for (let length = 0; length < PREFACE.length; length += 1) {
    expect(protocolOf(Buffer.from(PREFACE.slice(0, length)))).toBeUndefined();
  }
});

test("anything else is HTTP/1.1, from the first byte that differs", () => {
  expect(protocolOf(Buffer.from("G"))).toBe("http1");
  expect(protocolOf(Buffer.from("PRI * HTTP/1.1\r\n"))).toBe("http1");
  expect(protocolOf(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX"))).toBe("http1");
});
