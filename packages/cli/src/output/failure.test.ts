import { afterAll, describe, expect, it, vi } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor } from "../testing/run-cli.ts";

vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

describe("with --json a failure is one object on stderr", () => {
  it.for([
    [
      "the API's",
      ["vm", "get", "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001", "--json"],
      { status: 404, error: /no such/i, hint: /List/ },
    ],
    [
      "a user's",
      ["--json", "vm", "get", "nobody"],
      { error: /There is no VM "nobody"/, hint: /fastvm vm ls/ },
    ],
    ["of the command line", ["vm", "get", "--json"], { error: /missing required argument 'vm'/ }],
    ["of an unknown option", ["vm", "ls", "--json", "--nope"], { error: /unknown option '--nope'/ }],
  ] as const)("%s", async ([, args, expected]) => {
    await using api = await FakeApi.start();
    const { exitCode, stdout, stderr } = await home.run(args, envFor(api));
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    const told = JSON.parse(stderr) as Record<string, unknown>;
    for (const [field, value] of Object.entries(expected)) {
      if (value instanceof RegExp) expect(told[field]).toMatch(value);
      else expect(told[field]).toBe(value);
    }
  });

  it("but not where the VM's own command asked for it", async () => {
    await using api = await FakeApi.start();
    const { stderr } = await home.run(["exec", "nobody", "tool", "--json"], envFor(api));
    expect(stderr).toMatch(/^Error: There is no VM/);
  });
});
