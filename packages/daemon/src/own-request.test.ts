import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { askDaemon } from "./own-request.ts";

test.each([undefined, "00:11"])(
  "a daemon that does not answer is given up (certificate %s)",
  async (certificate) => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const asked = askDaemon(
      { url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}`, certificate },
      "/readyz",
      { timeoutMs: 100 },
    );
    await expect(asked).rejects.toThrow(/did not answer within 0.1 s/);
    silent.close();
  },
);
