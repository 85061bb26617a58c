import { newOrgId, newVmId, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "../../testing/test-app.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";
import { ConsoleTokens } from "./console-tokens.ts";

describe.each(TEST_STORES)("on $name", ({ open }) => {
  let api: TestApp;
  let vmId: VmId;
  let now = 0;
  const tokensOf = () => new ConsoleTokens({ store: api.store, clock: { now: () => now } });

  beforeEach(async () => {
    now = 0;
    api = await testApp({ store: await open() });
    vmId = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
  });
  afterEach(() => api[Symbol.asyncDispose]());

  test("a token opens one VM once, for a minute, also at another control plane", async () => {
    const [here, there] = [tokensOf(), tokensOf()];
    const token = await here.issue(vmId);
    expect(await there.redeem(token)).toBe(vmId);
    expect(await here.redeem(token)).toBeUndefined();
    const late = await here.issue(vmId);
    now = 60_000;
    expect(await there.redeem(late)).toBeUndefined();
    for (const wrong of ["", "fvc_", newVmId(), newOrgId(), `${token}x`])
      expect(await here.redeem(wrong)).toBeUndefined();
  });

  test("of several that come at once with a token one is let in", async () => {
    const token = await tokensOf().issue(vmId);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => tokensOf().redeem(token)));
    expect(outcomes.filter((outcome) => outcome === vmId)).toHaveLength(1);
  });

  test("the oldest of a VM's many gives way, and all go with the VM", async () => {
    const tokens: string[] = [];
    for (now = 0; now < 65; now += 1) tokens.push(await tokensOf().issue(vmId));
    expect(await tokensOf().redeem(tokens[0] ?? "")).toBeUndefined();
    expect(await tokensOf().redeem(tokens[1] ?? "")).toBe(vmId);
    await api.call(`DELETE /v1/vms/${vmId}`);
    expect(await tokensOf().redeem(tokens[2] ?? "")).toBeUndefined();
  });
});
