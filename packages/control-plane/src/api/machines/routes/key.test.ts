/** No operation of machines is for whoever has no key of theirs. One application stands for all of them: who is refused changes nothing. */
import { MACHINE_OPERATIONS, type Operation } from "@fastvm/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";
import { TEST_KEY } from "../../../testing/test-app.ts";

let api: MachinesApp;

beforeAll(async () => {
  api = await machinesApp();
});
afterAll(() => api[Symbol.asyncDispose]());

test.each(Object.entries<Operation>(MACHINE_OPERATIONS))(
  "a key is asked for below the base path by %s",
  async (_name, { method, path }) => {
    const route = `${method} /nullspace${path.replaceAll(/\{\w+\}/g, "mch_00000000000000000000000000000000")}`;
    for (const key of [null, "ns_live_fvm_unknown", TEST_KEY]) {
      const answer = await api.call(route, undefined, { key });
      expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized", retryable: false } });
    }
  },
);
