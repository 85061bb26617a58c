import { expect, it } from "vitest";
import { published } from "./publish-option.ts";

it.each([
  ["8080:80", { host: "127.0.0.1", port: 8080, vmPort: 80 }],
  ["80", { host: "127.0.0.1", port: 80, vmPort: 80 }],
  ["0:80", { host: "127.0.0.1", port: 0, vmPort: 80 }],
  ["0.0.0.0:8080:80", { host: "0.0.0.0", port: 8080, vmPort: 80 }],
  ["[::1]:8080:80", { host: "::1", port: 8080, vmPort: 80 }],
])("%s is understood", (text, expected) => expect(published(text)).toEqual(expected));

it.each(["", "http", "80:", ":80", "0", "80:0", "70000", "1.2.3.4:80", "1:2:3:4", "::1:8080:80"])(
  "%j is refused",
  (text) => expect(() => published(text)).toThrow(/It must be/),
);
