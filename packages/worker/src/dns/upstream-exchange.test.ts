import { expect, test } from "vitest";
import { exchangeUdp, UpstreamError } from "./upstream-exchange.ts";

test.each([
  // The kernel refuses a connection to it at once, as one for which it has no route.
  "255.255.255.255",
  "fe80::1%nosuch",
])("an upstream that cannot be reached, %s, is an error of the exchange and nobody else's", async (host) => {
  const asked = exchangeUdp({ host, port: 53 }, Buffer.alloc(17), { accepts: () => true, timeoutMs: 2000 });
  await expect(asked).rejects.toThrow(UpstreamError);
});
