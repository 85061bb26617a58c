import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { settlePort, urlOf } from "./listen-address.ts";

test("a port that was chosen is kept, 0 becomes one that can be listened on", async () => {
  expect(await settlePort({ host: "127.0.0.1", port: 8800 })).toBe(8800);
  const port = await settlePort({ host: "127.0.0.1", port: 0 });
  expect(port).toBeGreaterThan(0);
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  server.close();
});

test("a URL names the host as clients need it", () => {
  expect(urlOf({ host: "127.0.0.1", port: 1 }, "http")).toBe("http://127.0.0.1:1");
  expect(new URL(urlOf({ host: "::1", port: 8800 }, "https")).port).toBe("8800");
});
