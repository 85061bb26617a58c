import { afterAll, describe, expect, it, vi } from "vitest";
import { APIError, FileTransferError } from "fastvm";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor } from "../testing/run-cli.ts";
import { capture } from "../testing/run-here.ts";
import { describeFailure } from "./failure.ts";

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

describe("a failure names the next command", () => {
  const conflict = (state: string): APIError =>
    new APIError(
      409,
      {
        message: `The VM is in a state that does not allow this: it is ${state}; commands need a running VM`,
      },
      new Headers(),
    );
  it.for([
    [conflict("paused"), /fastvm resume VM/],
    [conflict("stopped (Stopped: its guest powered off)"), /fastvm start VM/],
    [conflict("error (QEMU ended)"), /fastvm inspect VM.*fastvm start VM/],
    [
      new APIError(404, { message: "There is no such resource: there is no image a:1 here" }, new Headers()),
      /fastvm image pull IMAGE/,
    ],
    [new FileTransferError("There is no /nowhere in the VM", { code: "ENOENT" }), /fastvm exec VM ls FOLDER/],
    [new FileTransferError("There is no Dockerfile /tmp/Dockerfile", { code: "ENOENT" }), /fastvm build -f/],
  ] as const)("%s", async ([error, hint]) => {
    expect((await describeFailure(error)).hint).toMatch(hint);
  });

  it.for([
    [["exec"], "missing required argument 'vm'", "(see: fastvm exec --help)"],
    [["volume", "create", "data"], "required option '--size <GiB>'", "(see: fastvm volume create --help)"],
    [["volume", "nope"], "unknown command 'nope'", "(see: fastvm volume --help)"],
    [["stop"], "missing required argument 'vm'", "fastvm daemon stop"],
  ] as const)("on a line that cannot be read: %s", async ([args, what, next]) => {
    const { exitCode, stderr } = await capture(args, {});
    expect(exitCode).toBe(1);
    expect(stderr).toContain(what);
    expect(stderr).toContain(next);
  });
});
