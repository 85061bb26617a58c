import { expect, it } from "vitest";
import { isSameLimit, shapingCommand } from "./rate-limit.ts";

const TC = "nsenter --net=/run/netns/ns-1 tc qdisc";

it.each([
  [{ kbitPerSec: 1000 }, "tbf rate 1000000bit burst 15140 limit 40140"],
  [{ kbitPerSec: 8000, burst: 800 }, "tbf rate 8000000bit burst 100000 limit 300000"],
  [{ packetsPerSec: 100, burst: 10 }, "stab mtu 2047 mpu 1514 tbf rate 1211200bit burst 15140 limit 45420"],
  [{ packetsPerSec: 1 }, "stab mtu 2047 mpu 1514 tbf rate 12112bit burst 3028 limit 18168"],
  // A burst of more than tc can tell the kernel is cut.
  [{ kbitPerSec: 8, burst: 1_000_000 }, "tbf rate 8000bit burst 250000 limit 265140"],
])("%j is %s", (limit, expected) => {
  expect(shapingCommand("ns-1", limit)).toBe(
    `${TC} del dev uplink root 2>/dev/null; ${TC} add dev uplink root ${expected}`,
  );
});

it("no limit takes away what there may be", () => {
  expect(shapingCommand("ns-1", undefined)).toBe(`${TC} del dev uplink root 2>/dev/null || :`);
});

it("what is no number or name is refused", () => {
  expect(() => shapingCommand("ns-1", { kbitPerSec: Number.NaN })).toThrow("no rate");
  expect(() => shapingCommand("ns;reboot", undefined)).toThrow("no namespace");
});

it("limits are compared by what they say", () => {
  expect(isSameLimit({ kbitPerSec: 1 }, { kbitPerSec: 1 })).toBe(true);
  expect(isSameLimit({ kbitPerSec: 1 }, { packetsPerSec: 1 })).toBe(false);
  expect(isSameLimit(undefined, undefined)).toBe(true);
});
