/** What is told of answers has few values, whatever is asked for. */
import { expect, test } from "vitest";
import type { AnsweredRequest } from "../answered-request.ts";
import { testApp } from "../testing/test-app.ts";

test("each answer is told by its operation and status, and never by a path or a method of a client's", async () => {
  const told: AnsweredRequest[] = [];
  await using api = await testApp({ onAnswered: (answered) => told.push(answered) });
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  await api.call(`GET /v1/vms/${id}`);
  await api.call("GET /v1/vms/none");
  await api.call("GET /v1/vms", undefined, { key: null });
  for (let i = 0; i < 3; i += 1) await api.app.inject({ method: "GET", url: `/nothing/${i}?${i}` });
  await api.app.inject({ method: "GET", url: "/v1/machines/none" });
  expect(told.every(({ seconds }) => seconds >= 0)).toBe(true);
  expect(told.map(({ api: name, operation, status }) => `${name} ${operation} ${status}`)).toEqual([
    "fastvm launchVm 201",
    "fastvm getVm 200",
    "fastvm getVm 404",
    "fastvm listVms 401",
    "none other 404",
    "none other 404",
    "none other 404",
    "nullspace getMachine 401",
  ]);
});
