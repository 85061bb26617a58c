import { expect, test } from "vitest";
import { urlOf } from "./listen-address.ts";

test("a URL names the host as clients need it", () => {
  expect(urlOf({ host: "127.0.0.1", port: 1 }, "http")).toBe("http://127.0.0.1:1");
  expect(new URL(urlOf({ host: "::1", port: 8800 }, "https")).port).toBe("8800");
});

test("who listens at all addresses is reached at the loopback's, where the command has its key", () => {
  expect(urlOf({ host: "0.0.0.0", port: 8800 }, "http")).toBe("http://127.0.0.1:8800");
  expect(urlOf({ host: "::", port: 8800 }, "https")).toBe("https://[::1]:8800");
});
